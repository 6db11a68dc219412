"""The service's addresses: `/api/v1` for XBlocks and browsers, `/runner/v1` for runners, `/health`, `/admin`."""

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView

from axons_service.operations import api as operations

urlpatterns = [
    path("api/v1/", include("axons_service.exercises.urls")),
    path("api/v1/", include("axons_service.training_sets.urls")),
    path("api/v1/", include("axons_service.jobs.urls")),
    path("api/v1/", include("axons_service.grading.urls")),
    path("api/v1/", include("axons_service.operations.retention.urls")),
    path(
        "api/v1/schema",
        SpectacularAPIView.as_view(authentication_classes=[], permission_classes=[]),
        name="schema",
    ),
    path("runner/v1/", include("axons_service.jobs.runner_urls")),
    path("health/live", operations.live, name="live"),
    path("health/ready", operations.ready, name="ready"),
    path("admin/", admin.site.urls),
]
handler404 = "axons_service.operations.problems.not_found"
handler500 = "axons_service.operations.problems.server_error"
