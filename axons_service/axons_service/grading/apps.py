from django.apps import AppConfig


class GradingConfig(AppConfig):
    name = "axons_service.grading"
    label = "axons_grading"
    default_auto_field = "django.db.models.BigAutoField"
