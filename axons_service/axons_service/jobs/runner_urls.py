"""Addresses below `/runner/v1`."""

from django.urls import path

from axons_service.compute.api import RunnerEnrolView
from axons_service.jobs import runner_api

urlpatterns = [
    path("enrol", RunnerEnrolView.as_view(), name="runner-enrol"),
    path("claim", runner_api.ClaimView.as_view(), name="runner-claim"),
    path("jobs/<uuid:job_id>/events", runner_api.AttemptEventsView.as_view(), name="runner-events"),
    path("jobs/<uuid:job_id>/uploads", runner_api.AttemptUploadsView.as_view(), name="runner-uploads"),
    path("jobs/<uuid:job_id>/checkpoints", runner_api.AttemptCheckpointsView.as_view(), name="runner-checkpoints"),
    path("jobs/<uuid:job_id>/finish", runner_api.AttemptFinishView.as_view(), name="runner-finish"),
]
