"""The service's addresses: `/api/v1` for XBlocks and browsers, `/runner/v1` for runners, `/health`, `/admin`."""

from django.contrib import admin
from django.urls import include, path

from axons_service.operations import api as operations
from axons_service.operations.metrics import metrics
from axons_service.operations.openapi import schema

urlpatterns = [
    path("api/v1/", include("axons_service.exercises.urls")),
    path("api/v1/", include("axons_service.training_sets.urls")),
    path("api/v1/", include("axons_service.jobs.urls")),
    path("api/v1/", include("axons_service.grading.urls")),
    path("api/v1/schema", schema, name="schema"),
    path("api/v1/", include("axons_service.operations.retention.urls")),
    path("runner/v1/", include("axons_service.jobs.runner_urls")),
    path("health/live", operations.live, name="live"),
    path("health/ready", operations.ready, name="ready"),
    path("metrics", metrics, name="metrics"),
    path("admin/operations/", include("axons_service.operations.page.urls")),
    path("admin/", admin.site.urls),
]
handler400 = "axons_service.operations.problems.bad_request"
handler404 = "axons_service.operations.problems.not_found"
handler500 = "axons_service.operations.problems.server_error"
