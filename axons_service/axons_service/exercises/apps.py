from django.apps import AppConfig


class ExercisesConfig(AppConfig):
    name = "axons_service.exercises"
    label = "axons_exercises"
    default_auto_field = "django.db.models.BigAutoField"
