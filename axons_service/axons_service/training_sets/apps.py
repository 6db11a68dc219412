from django.apps import AppConfig


class TrainingSetsConfig(AppConfig):
    name = "axons_service.training_sets"
    label = "axons_training_sets"
    default_auto_field = "django.db.models.BigAutoField"
