"""Addresses under /api/v1/."""

from django.urls import path

from axons_service.training_sets import api

urlpatterns = [
    path("uploads", api.UploadsView.as_view(), name="uploads"),
    path("training-sets", api.TrainingSetsView.as_view(), name="training-sets"),
    path(
        "projects/<uuid:project_id>/training-sets", api.ProjectTrainingSetsView.as_view(), name="project-training-sets"
    ),
    path("training-sets/<uuid:training_set_id>", api.TrainingSetView.as_view(), name="training-set"),
    path(
        "training-sets/<uuid:training_set_id>/images", api.TrainingSetImagesView.as_view(), name="training-set-images"
    ),
]
