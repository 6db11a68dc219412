"""What a project has more of than its state shows: jobs, models and predictions, page by page."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from axons_service.exercises.selectors import project_for
from axons_service.jobs import schemas, selectors
from axons_service.jobs.api import ReadView
from axons_service.jobs.serializers import jobs_output, model_output, prediction_output
from axons_service.operations.cursors import CURSOR, LIMIT, page_of, page_query
from axons_service.sites.permissions import caller_of

NEXT = "`cursor` of the next page; null on the last page"


class JobsPageSerializer(serializers.Serializer[Any]):
    """Jobs, newest first."""

    results = schemas.JobSerializer(many=True)
    next = serializers.CharField(allow_null=True, help_text=NEXT)


class ModelsPageSerializer(serializers.Serializer[Any]):
    """Models, newest first; `url` of their artifacts is null here: read the model for its links."""

    results = schemas.ModelSerializer(many=True)
    next = serializers.CharField(allow_null=True, help_text=NEXT)


class PredictionsPageSerializer(serializers.Serializer[Any]):
    """Predictions, newest first."""

    results = schemas.PredictionSerializer(many=True)
    next = serializers.CharField(allow_null=True, help_text=NEXT)


class ProjectJobsView(ReadView):
    @extend_schema(operation_id="project_jobs", parameters=[CURSOR, LIMIT], responses={200: JobsPageSerializer})
    def get(self, request: Request, project_id: UUID) -> Response:
        """A page of the project's jobs, newest first."""
        project = project_for(caller_of(request), project_id)
        rows = selectors.jobs().filter(project=project, trash__isnull=True)
        page, following = page_of(rows, of=f"jobs:{project.pk}", **page_query(request))
        return Response({"results": jobs_output(page), "next": following})


class ProjectModelsView(ReadView):
    @extend_schema(operation_id="project_models", parameters=[CURSOR, LIMIT], responses={200: ModelsPageSerializer})
    def get(self, request: Request, project_id: UUID) -> Response:
        """A page of the project's models, newest first, without links."""
        project = project_for(caller_of(request), project_id)
        rows = selectors.models().filter(project=project, trash__isnull=True)
        page, following = page_of(rows, of=f"models:{project.pk}", **page_query(request))
        return Response({"results": [model_output(each, with_urls=False) for each in page], "next": following})


class ProjectPredictionsView(ReadView):
    @extend_schema(
        operation_id="project_predictions", parameters=[CURSOR, LIMIT], responses={200: PredictionsPageSerializer}
    )
    def get(self, request: Request, project_id: UUID) -> Response:
        """A page of the project's predictions, newest first."""
        project = project_for(caller_of(request), project_id)
        rows = selectors.predictions().filter(job__project=project, job__trash__isnull=True)
        page, following = page_of(rows, of=f"predictions:{project.pk}", **page_query(request))
        return Response({"results": [prediction_output(each) for each in page], "next": following})
