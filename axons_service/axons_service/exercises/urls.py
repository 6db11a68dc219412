"""Addresses under /api/v1/."""

from django.urls import path

from axons_service.exercises import api, overview_api, workshop_api

urlpatterns = [
    path("projects/open", api.ProjectOpenView.as_view(), name="projects-open"),
    path("projects/<uuid:project_id>", api.ProjectView.as_view(), name="project"),
    path("specs/validate", api.SpecValidateView.as_view(), name="specs-validate"),
    path("workshop/open", workshop_api.WorkshopOpenView.as_view(), name="workshop-open"),
    path("library", api.LibraryView.as_view(), name="library"),
    path("overview", overview_api.OverviewView.as_view(), name="overview"),
    path("overview/learners", overview_api.OverviewLearnersView.as_view(), name="overview-learners"),
]
