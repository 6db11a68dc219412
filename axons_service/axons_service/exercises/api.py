"""`/projects`, `/specs/validate` and `/library`."""

from dataclasses import asdict
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from axons_service.exercises import selectors, services
from axons_service.exercises.architectures import offered
from axons_service.exercises.serializers import BundleSerializer, LibrarySerializer, ProjectStateSerializer, SpecField
from axons_service.exercises.state import project_bundle, project_state
from axons_service.operations.problems import ProblemSerializer
from axons_service.operations.strict import StrictSerializer
from axons_service.sites.authentication import XBlockAuthentication
from axons_service.sites.permissions import IsAuthor, caller_of
from axons_service.training_sets.models import TrainingSet
from axons_service.training_sets.selectors import library_sets
from axons_service.training_sets.set_names import set_name


class ProjectOpenView(APIView):
    """Where every visit of a unit begins."""

    authentication_classes = [XBlockAuthentication]

    class InputSerializer(StrictSerializer):
        spec = SpecField()
        callback_url = serializers.URLField(max_length=1000, allow_null=True, required=False, default=None)

        class Meta:
            ref_name = "ProjectOpenRequest"

        def validate_callback_url(self, value: str | None) -> str:
            return value or ""

    @extend_schema(
        operation_id="projects_open",
        request=InputSerializer,
        responses={200: BundleSerializer, 422: ProblemSerializer},
    )
    def post(self, request: Request) -> Response:
        """Register spec, exercise and project where they are new; the project and a token to read it. Idempotent."""
        caller = caller_of(request)
        data = self.InputSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        project = services.project_open(
            caller=caller, spec_body=data.validated_data["spec"], callback_url=data.validated_data["callback_url"] or ""
        )
        return Response(project_bundle(project, caller))


class ProjectView(APIView):
    """One project."""

    @extend_schema(operation_id="projects_read", responses={200: ProjectStateSerializer, 404: ProblemSerializer})
    def get(self, request: Request, project_id: UUID) -> Response:
        """The project's whole state: your own, or for staff any of the same exercise."""
        caller = caller_of(request)
        return Response(project_state(selectors.project_for(caller, project_id), caller))


class SpecValidateView(APIView):
    """The authority on specs."""

    authentication_classes = [XBlockAuthentication]
    permission_classes = [IsAuthor]

    class InputSerializer(StrictSerializer):
        spec = SpecField()

        class Meta:
            ref_name = "SpecValidateRequest"

    class OutputSerializer(serializers.Serializer[Any]):
        spec_hash = serializers.CharField()

        class Meta:
            ref_name = "SpecValidated"

    @extend_schema(
        operation_id="specs_validate",
        request=InputSerializer,
        responses={200: OutputSerializer, 403: ProblemSerializer, 422: ProblemSerializer},
    )
    def post(self, request: Request) -> Response:
        """Whether a spec is valid: its hash, or 422 with an error for every wrong field."""
        data = self.InputSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        site = caller_of(request).site
        return Response({"spec_hash": services.spec_validate(site=site, body=data.validated_data["spec"])})


class LibraryView(APIView):
    """What authors choose from."""

    authentication_classes = [XBlockAuthentication]
    permission_classes = [IsAuthor]

    @extend_schema(operation_id="library", responses={200: LibrarySerializer, 403: ProblemSerializer})
    def get(self, request: Request) -> Response:
        """The library as authors of this course see it, the pools and the architectures."""
        caller = caller_of(request)
        site = caller.site
        starter, hidden = TrainingSet.Kind.STARTER, TrainingSet.Kind.HIDDEN
        library = {
            "starter_sets": [_set_output(each) for each in library_sets(site, kind=starter, course=caller.course)],
            "hidden_test_sets": [_set_output(each) for each in library_sets(site, kind=hidden, course=caller.course)],
            "models": [
                {
                    "name": each.name,
                    "title": each.title,
                    "classes": each.classes,
                    "architecture": each.architecture,
                    "task": each.task,
                }
                for each in selectors.library_models(site)
            ],
            "pools": [{"name": pool.name, "title": pool.title} for pool in selectors.library_pools()],
            "architectures": [asdict(each) for each in offered()],
        }
        return Response(library)


def _set_output(training_set: TrainingSet) -> dict[str, Any]:
    return {
        "id": str(training_set.pk),
        "name": set_name(training_set),
        "content_sha256": training_set.content_sha256,
        "version": training_set.version,
        "is_own": bool(training_set.course_key),
        "title": training_set.title,
        "description": training_set.description,
        "task": training_set.task,
        "classes": training_set.classes,
        "count": training_set.image_count,
        "licence": training_set.licence,
    }
