from django.apps import AppConfig


class JobsConfig(AppConfig):
    name = "axons_service.jobs"
    label = "axons_jobs"
    default_auto_field = "django.db.models.BigAutoField"
