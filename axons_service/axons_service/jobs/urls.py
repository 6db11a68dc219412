"""Addresses below `/api/v1`."""

from django.urls import path

from axons_service.jobs import api, batch_api, lists

urlpatterns = [
    path("jobs", api.JobsView.as_view(), name="jobs"),
    path("jobs/<uuid:job_id>", api.JobView.as_view(), name="job"),
    path("jobs/<uuid:job_id>/metrics", api.JobMetricsView.as_view(), name="job-metrics"),
    path("jobs/<uuid:job_id>/log", api.JobLogView.as_view(), name="job-log"),
    path("jobs/<uuid:job_id>/cancel", api.JobCancelView.as_view(), name="job-cancel"),
    path("jobs/<uuid:job_id>/batch", batch_api.JobBatchView.as_view(), name="job-batch"),
    path("models/<uuid:model_id>", api.ModelView.as_view(), name="model"),
    path("predictions/<uuid:prediction_id>", api.PredictionView.as_view(), name="prediction"),
    path("projects/<uuid:project_id>/jobs", lists.ProjectJobsView.as_view(), name="project-jobs"),
    path("projects/<uuid:project_id>/models", lists.ProjectModelsView.as_view(), name="project-models"),
    path("projects/<uuid:project_id>/predictions", lists.ProjectPredictionsView.as_view(), name="project-predictions"),
    path("projects/<uuid:project_id>/events", api.ProjectEventsView.as_view(), name="project-events"),
    path("projects/<uuid:project_id>/stream", api.ProjectStreamView.as_view(), name="project-stream"),
]
