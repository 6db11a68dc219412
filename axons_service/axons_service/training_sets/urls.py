"""Addresses under /api/v1/."""

from django.urls import path

from axons_service.training_sets import api, uploads_api

urlpatterns = [
    path("uploads", uploads_api.UploadsView.as_view(), name="uploads"),
    path("uploads/confirm", uploads_api.UploadsConfirmView.as_view(), name="uploads-confirm"),
    path("uploads/discard", uploads_api.UploadsDiscardView.as_view(), name="uploads-discard"),
    path("training-sets", api.TrainingSetsView.as_view(), name="training-sets"),
    path("training-sets/<uuid:training_set_id>", api.TrainingSetView.as_view(), name="training-set"),
    path(
        "training-sets/<uuid:training_set_id>/images", api.TrainingSetImagesView.as_view(), name="training-set-images"
    ),
]
