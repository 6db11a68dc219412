from django.apps import AppConfig


class OperationsConfig(AppConfig):
    name = "axons_service.operations"
    label = "axons_operations"
    default_auto_field = "django.db.models.BigAutoField"
