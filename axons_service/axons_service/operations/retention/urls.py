"""Addresses under /api/v1/."""

from django.urls import path

from axons_service.operations.retention import api

urlpatterns = [
    path("projects/<uuid:project_id>/trash", api.TrashView.as_view(), name="trash"),
    path(
        "projects/<uuid:project_id>/trash/<uuid:entry_id>/restore", api.TrashRestoreView.as_view(), name="trash-restore"
    ),
    path("projects/<uuid:project_id>/trash/<uuid:entry_id>/delete", api.TrashPurgeView.as_view(), name="trash-purge"),
    path("learners/erase", api.LearnerEraseView.as_view(), name="learner-erase"),
]
