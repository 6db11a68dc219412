"""Addresses under /api/v1/."""

from django.urls import path

from axons_service.grading import api

urlpatterns = [
    path("submissions", api.SubmissionsView.as_view(), name="submissions"),
    path("submissions/<uuid:submission_id>", api.SubmissionView.as_view(), name="submission"),
    path("submissions/<uuid:submission_id>/reviews", api.ReviewsView.as_view(), name="submission-reviews"),
]
