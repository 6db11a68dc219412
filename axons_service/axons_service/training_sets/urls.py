"""Addresses under /api/v1/."""

from django.urls import path

from axons_service.training_sets import api, hidden_api, leakage_api, uploads_api, versions_api, workshop_api

urlpatterns = [
    path("uploads", uploads_api.UploadsView.as_view(), name="uploads"),
    path("uploads/confirm", uploads_api.UploadsConfirmView.as_view(), name="uploads-confirm"),
    path("uploads/discard", uploads_api.UploadsDiscardView.as_view(), name="uploads-discard"),
    path("training-sets", api.TrainingSetsView.as_view(), name="training-sets"),
    path("hidden-test-set", hidden_api.HiddenTestSetView.as_view(), name="hidden-test-set"),
    path(
        "projects/<uuid:project_id>/training-sets", api.ProjectTrainingSetsView.as_view(), name="project-training-sets"
    ),
    path("training-sets/<uuid:training_set_id>", api.TrainingSetView.as_view(), name="training-set"),
    path("training-sets/imports", versions_api.TrainingSetImportView.as_view(), name="training-set-imports"),
    path(
        "training-sets/<uuid:training_set_id>/changes",
        versions_api.TrainingSetChangesView.as_view(),
        name="training-set-changes",
    ),
    path(
        "training-sets/<uuid:training_set_id>/revert",
        versions_api.TrainingSetRevertView.as_view(),
        name="training-set-revert",
    ),
    path(
        "training-sets/<uuid:training_set_id>/report",
        versions_api.TrainingSetReportView.as_view(),
        name="training-set-report",
    ),
    path(
        "training-sets/<uuid:training_set_id>/exports",
        versions_api.TrainingSetExportsView.as_view(),
        name="training-set-exports",
    ),
    path("exports/<uuid:export_id>", versions_api.ExportView.as_view(), name="export"),
    path(
        "training-sets/<uuid:training_set_id>/leakage",
        leakage_api.TrainingSetLeakageView.as_view(),
        name="training-set-leakage",
    ),
    path("workshop/forks", workshop_api.WorkshopForksView.as_view(), name="workshop-forks"),
    path("workshop/publications", workshop_api.PublicationsView.as_view(), name="workshop-publications"),
    path(
        "workshop/publications/<uuid:publication_id>",
        workshop_api.PublicationView.as_view(),
        name="workshop-publication",
    ),
    path("leakage", leakage_api.LeakageListView.as_view(), name="leakage"),
    path(
        "training-sets/<uuid:training_set_id>/images", api.TrainingSetImagesView.as_view(), name="training-set-images"
    ),
]
