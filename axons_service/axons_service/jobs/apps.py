from django.apps import AppConfig
from django.db.models.signals import post_migrate


class JobsConfig(AppConfig):
    name = "axons_service.jobs"
    label = "axons_jobs"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from axons_service.jobs.guards import guards_put

        post_migrate.connect(guards_put, sender=self)
