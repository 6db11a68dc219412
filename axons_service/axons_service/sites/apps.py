from django.apps import AppConfig


class SitesConfig(AppConfig):
    name = "axons_service.sites"
    label = "axons_sites"
    default_auto_field = "django.db.models.BigAutoField"
