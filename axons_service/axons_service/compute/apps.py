from django.apps import AppConfig


class ComputeConfig(AppConfig):
    name = "axons_service.compute"
    label = "axons_compute"
    default_auto_field = "django.db.models.BigAutoField"
