from django.apps import AppConfig


class StorageConfig(AppConfig):
    name = "axons_service.storage"
    label = "axons_storage"
    default_auto_field = "django.db.models.BigAutoField"
