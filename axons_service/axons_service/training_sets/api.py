"""`/training-sets`."""

from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from axons_service.exercises.selectors import own_project, project_for
from axons_service.operations.cursors import CURSOR, LIMIT, page_of, page_query
from axons_service.operations.idempotency import IDEMPOTENCY_HEADER, idempotency_key, idempotent
from axons_service.operations.problems import ProblemSerializer
from axons_service.operations.strict import StrictSerializer
from axons_service.sites.authentication import XBlockAuthentication
from axons_service.sites.permissions import caller_of
from axons_service.training_sets import selectors, services
from axons_service.training_sets.images import MAX_PAGE, PAGE, images_page
from axons_service.training_sets.models import TrainingSet
from axons_service.training_sets.serializers import ImageSerializer, TrainingSetSerializer, training_set_output

SHOWN = ["all", "excluded", "near_duplicates"]


class TrainingSetsView(APIView):
    """A project's training sets."""

    authentication_classes = [XBlockAuthentication]

    class InputSerializer(StrictSerializer):
        class AdditionSerializer(StrictSerializer):
            upload = serializers.UUIDField()
            label = serializers.CharField(max_length=200)  # type: ignore[assignment]

        base = serializers.UUIDField(allow_null=True, required=False, default=None)
        additions = AdditionSerializer(many=True, required=False, default=list)
        exclusions = serializers.ListField(child=serializers.CharField(max_length=64), required=False, default=list)
        relabels = serializers.DictField(child=serializers.CharField(max_length=200), required=False, default=dict)

        class Meta:
            ref_name = "TrainingSetRequest"

    @extend_schema(
        operation_id="training_sets_create",
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
    @idempotent("training_sets_create")
    def post(self, request: Request) -> Response:
        """Make the next version of a training set; a worker then checks every file."""
        key = idempotency_key(request)
        data = self.InputSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        project = own_project(caller_of(request))
        training_set, _ = services.training_set_create(project=project, idempotency_key=key, **data.validated_data)
        return Response(training_set_output(training_set), status=202)


class ProjectTrainingSetsView(APIView):
    """A project's training sets, beyond the newest that its state shows."""

    class OutputSerializer(serializers.Serializer[Any]):
        results = TrainingSetSerializer(many=True)
        next = serializers.CharField(allow_null=True, help_text="`cursor` of the next page; null on the last page")

        class Meta:
            ref_name = "TrainingSetsPage"

    @extend_schema(operation_id="project_training_sets", parameters=[CURSOR, LIMIT], responses={200: OutputSerializer})
    def get(self, request: Request, project_id: UUID) -> Response:
        """A page of the project's training sets, newest first."""
        project = project_for(caller_of(request), project_id)
        rows = TrainingSet.objects.filter(project=project, trash__isnull=True)
        page, following = page_of(rows, of=f"training_sets:{project.pk}", **page_query(request))
        return Response({"results": [training_set_output(each) for each in page], "next": following})


class TrainingSetView(APIView):
    """One training set."""

    @extend_schema(operation_id="training_sets_read", responses={200: TrainingSetSerializer, 404: ProblemSerializer})
    def get(self, request: Request, training_set_id: UUID) -> Response:
        """A training set of a project of yours, or your exercise's starter set."""
        return Response(training_set_output(selectors.training_set_for(caller_of(request), training_set_id)))


class TrainingSetImagesView(APIView):
    """The images of a training set."""

    class FilterSerializer(serializers.Serializer[Any]):
        label = serializers.CharField(required=False, default=None, allow_blank=True)  # type: ignore[assignment]
        split = serializers.ChoiceField(choices=["train", "validation"], required=False, default=None)
        show = serializers.ChoiceField(choices=SHOWN, required=False, default="all")
        after = serializers.CharField(required=False, default=None)
        limit = serializers.IntegerField(required=False, default=PAGE, min_value=1, max_value=MAX_PAGE)

    class OutputSerializer(serializers.Serializer[Any]):
        images = ImageSerializer(many=True)
        next = serializers.CharField(allow_null=True, help_text="cursor for `after`; null on the last page")

        class Meta:
            ref_name = "ImagesPage"

    @extend_schema(
        operation_id="training_sets_images",
        parameters=[
            OpenApiParameter("label", OpenApiTypes.STR),
            OpenApiParameter("split", OpenApiTypes.STR, enum=["train", "validation"]),
            OpenApiParameter("show", OpenApiTypes.STR, enum=SHOWN, description="default all"),
            OpenApiParameter("after", OpenApiTypes.STR, description="`next` of the page before"),
            OpenApiParameter("limit", {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": PAGE}),
        ],
        responses={200: OutputSerializer, 404: ProblemSerializer, 409: ProblemSerializer},
    )
    def get(self, request: Request, training_set_id: UUID) -> Response:
        """A page of images with presigned URLs."""
        filters = self.FilterSerializer(data=request.query_params.dict())
        filters.is_valid(raise_exception=True)
        training_set = selectors.training_set_for(caller_of(request), training_set_id)
        return Response(images_page(training_set, **filters.validated_data))
