from django.apps import AppConfig


class DemoLmsConfig(AppConfig):
    name = "axons_demo.lms"
    label = "demo_lms"
    verbose_name = "Demo LMS"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from axons_demo.lms import platform

        platform.install()
