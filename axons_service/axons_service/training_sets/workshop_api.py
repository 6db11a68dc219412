"""`/workshop/…`: an author forks a starter set, and publishes a draft into the library. For authors alone."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from axons_service.exercises.selectors import own_project
from axons_service.operations.idempotency import IDEMPOTENCY_HEADER, idempotency_key, idempotent
from axons_service.operations.problems import ProblemSerializer
from axons_service.operations.strict import StrictSerializer
from axons_service.sites.authentication import XBlockAuthentication
from axons_service.sites.permissions import IsAuthor, caller_of
from axons_service.training_sets.forks import training_set_fork
from axons_service.training_sets.models import TrainingSet
from axons_service.training_sets.publications import (
    Publication,
    library_set_publish,
    publication_for,
    publication_output,
)
from axons_service.training_sets.serializers import (
    SetProgressSerializer,
    TrainingSetSerializer,
    training_set_output,
)

KINDS = [TrainingSet.Kind.STARTER.value, TrainingSet.Kind.HIDDEN.value]


class PublicationSerializer(serializers.Serializer[Any]):
    """A version of a library set that a course published."""

    id = serializers.UUIDField()
    name = serializers.CharField(help_text="as a spec names it, once it is ready")
    title = serializers.CharField()
    kind = serializers.ChoiceField(choices=KINDS)
    version = serializers.IntegerField()
    state = serializers.ChoiceField(choices=TrainingSet.State.choices)
    image_count = serializers.IntegerField()
    content_sha256 = serializers.CharField()
    progress = SetProgressSerializer(allow_null=True)
    message = serializers.CharField(allow_null=True, help_text="why it failed")


class WorkshopForksView(APIView):
    """Copies of starter sets."""

    authentication_classes = [XBlockAuthentication]
    permission_classes = [IsAuthor]

    class InputSerializer(StrictSerializer):
        base = serializers.UUIDField(help_text="a starter set of the library")

        class Meta:
            ref_name = "ForkRequest"

    @extend_schema(
        operation_id="workshop_fork",
        parameters=[IDEMPOTENCY_HEADER],
        request=InputSerializer,
        responses={
            202: TrainingSetSerializer,
            403: ProblemSerializer,
            404: ProblemSerializer,
            409: ProblemSerializer,
            422: ProblemSerializer,
        },
    )
    @idempotent("workshop_fork")
    def post(self, request: Request) -> Response:
        """Make a version in the workshop that is what a starter set is. Pictures are shared, not copied."""
        caller, key = caller_of(request), idempotency_key(request)
        data = self.InputSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        forked, _ = training_set_fork(
            project=own_project(caller), course=caller.course, idempotency_key=key, **data.validated_data
        )
        return Response(training_set_output(forked), status=202)


class PublicationsView(APIView):
    """Publishing."""

    authentication_classes = [XBlockAuthentication]
    permission_classes = [IsAuthor]

    class InputSerializer(StrictSerializer):
        training_set = serializers.UUIDField(help_text="a ready version of your own")
        kind = serializers.ChoiceField(choices=KINDS)
        set = serializers.UUIDField(
            allow_null=True,
            required=False,
            default=None,
            help_text="a set of your course, whose next version this is; null for a new set",
        )
        title = serializers.CharField(max_length=200, allow_blank=True, required=False, default="")
        description = serializers.CharField(max_length=5000, allow_blank=True, required=False, default="")
        licence = serializers.CharField(max_length=200, allow_blank=True, required=False, default="")
        credits = serializers.CharField(max_length=50_000, allow_blank=True, required=False, default="")
        against = serializers.CharField(
            max_length=300,
            allow_null=True,
            required=False,
            default=None,
            help_text="the exercise's set of the other kind, to compare with: no picture may be in both",
        )
        despite_leakage = serializers.BooleanField(required=False, default=False)

        class Meta:
            ref_name = "PublicationRequest"

    @extend_schema(
        operation_id="workshop_publish",
        parameters=[IDEMPOTENCY_HEADER],
        request=InputSerializer,
        responses={
            202: PublicationSerializer,
            403: ProblemSerializer,
            404: ProblemSerializer,
            409: ProblemSerializer,
            422: ProblemSerializer,
        },
    )
    @idempotent("workshop_publish")
    def post(self, request: Request) -> Response:
        """Make a version of yours a set of the library, for the exercises of your course; a worker then moves it in.

        What is published never changes. Refused with 409 `leakage_found` and the pictures in `errors`, by their hashes,
        when some are in, or look like, the set that it is compared with; `despite_leakage` publishes all the same.
        """
        caller = caller_of(request)
        data = self.InputSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        asked = Publication(**data.validated_data)
        published, _ = library_set_publish(caller=caller, project=own_project(caller), asked=asked)
        return Response(publication_output(published), status=202)


class PublicationView(APIView):
    """One version that the course published."""

    authentication_classes = [XBlockAuthentication]
    permission_classes = [IsAuthor]

    @extend_schema(
        operation_id="workshop_publication",
        responses={200: PublicationSerializer, 403: ProblemSerializer, 404: ProblemSerializer},
    )
    def get(self, request: Request, publication_id: UUID) -> Response:
        """How far it is on its way into the library."""
        return Response(publication_output(publication_for(caller_of(request), publication_id)))
