"""Changing, reverting, importing and exporting training sets."""

from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from axons_service.exercises.selectors import own_project
from axons_service.operations.idempotency import IDEMPOTENCY_HEADER, idempotency_key
from axons_service.operations.problems import ProblemSerializer
from axons_service.sites.authentication import XBlockAuthentication
from axons_service.sites.permissions import caller_of
from axons_service.training_sets import changes, exports, selectors
from axons_service.training_sets.models import Export
from axons_service.training_sets.reports import report_page
from axons_service.training_sets.serializers import ReportLineSerializer, TrainingSetSerializer, training_set_output

CHANGE_RESPONSES = {
    202: TrainingSetSerializer,
    403: ProblemSerializer,
    404: ProblemSerializer,
    409: ProblemSerializer,
    422: ProblemSerializer,
}
SHA256 = r"^[0-9a-f]{64}$"


class NamedField(serializers.DictField):
    """An object whose names are checked as its values are: they reach the database and sentences too."""

    def __init__(self, *, name: serializers.CharField, **options: Any) -> None:
        super().__init__(**options)
        self.name = name

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        found = super().to_internal_value(data)
        return {self.name.run_validation(name): value for name, value in found.items()}


class TrainingSetChangesView(APIView):
    """Changes of a version by hand."""

    authentication_classes = [XBlockAuthentication]

    class InputSerializer(serializers.Serializer[Any]):
        class SplitSerializer(serializers.Serializer[Any]):
            validation = serializers.FloatField(min_value=0.05, max_value=0.5)
            seed = serializers.IntegerField(min_value=0, max_value=2**31 - 1)

            class Meta:
                ref_name = "SplitRequest"

        newest = serializers.IntegerField(
            min_value=0, max_value=2**31 - 1, help_text="your newest version that you have seen, 0 for none"
        )
        exclusions = serializers.ListField(child=serializers.RegexField(SHA256), required=False, default=list)
        inclusions = serializers.ListField(child=serializers.RegexField(SHA256), required=False, default=list)
        relabels = NamedField(
            name=serializers.RegexField(SHA256),
            child=serializers.CharField(max_length=200),
            required=False,
            default=dict,
        )
        renames = NamedField(
            name=serializers.CharField(max_length=200),
            child=serializers.CharField(max_length=200),
            required=False,
            default=dict,
            help_text="{class: new name}; a name that another class has merges the two",
        )
        splits = NamedField(
            name=serializers.RegexField(SHA256),
            child=serializers.ChoiceField(choices=["train", "validation"]),
            required=False,
            default=dict,
        )
        split = SplitSerializer(required=False, allow_null=True, default=None)

        class Meta:
            ref_name = "TrainingSetChangesRequest"

    @extend_schema(
        operation_id="training_sets_change",
        parameters=[IDEMPOTENCY_HEADER],
        request=InputSerializer,
        responses=CHANGE_RESPONSES,
    )
    def post(self, request: Request, training_set_id: UUID) -> Response:
        """Make a new version: leave out, take in, relabel, rename or merge classes, split anew.

        Refused with 409 `version_conflict` when a newer version exists than you have seen.
        """
        key = idempotency_key(request)
        data = self.InputSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        asked: changes.Changes = data.validated_data
        newest = data.validated_data.pop("newest")
        training_set, _ = changes.training_set_change(
            project=own_project(caller_of(request)),
            base=training_set_id,
            newest=newest,
            changes=asked,
            idempotency_key=key,
        )
        return Response(training_set_output(training_set), status=202)


class TrainingSetRevertView(APIView):
    """Back to an older version."""

    authentication_classes = [XBlockAuthentication]

    class InputSerializer(serializers.Serializer[Any]):
        newest = serializers.IntegerField(
            min_value=0, max_value=2**31 - 1, help_text="your newest version that you have seen"
        )

        class Meta:
            ref_name = "TrainingSetRevertRequest"

    @extend_schema(
        operation_id="training_sets_revert",
        parameters=[IDEMPOTENCY_HEADER],
        request=InputSerializer,
        responses=CHANGE_RESPONSES,
    )
    def post(self, request: Request, training_set_id: UUID) -> Response:
        """Make a new version that is what this one was."""
        key = idempotency_key(request)
        data = self.InputSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        training_set, _ = changes.training_set_revert(
            project=own_project(caller_of(request)), to=training_set_id, idempotency_key=key, **data.validated_data
        )
        return Response(training_set_output(training_set), status=202)


class TrainingSetImportView(APIView):
    """Training sets from zips."""

    authentication_classes = [XBlockAuthentication]

    class InputSerializer(serializers.Serializer[Any]):
        upload = serializers.UUIDField(help_text="an upload with the purpose `archive`")

        class Meta:
            ref_name = "TrainingSetImportRequest"

    @extend_schema(
        operation_id="training_sets_import",
        parameters=[IDEMPOTENCY_HEADER],
        request=InputSerializer,
        responses={202: TrainingSetSerializer, 403: ProblemSerializer, 404: ProblemSerializer, 422: ProblemSerializer},
    )
    def post(self, request: Request) -> Response:
        """Make a training set from an uploaded zip: ImageFolder layout, or images, masks and classes.txt."""
        key = idempotency_key(request)
        data = self.InputSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        training_set, _ = changes.training_set_import(
            project=own_project(caller_of(request)), idempotency_key=key, **data.validated_data
        )
        return Response(training_set_output(training_set), status=202)


class TrainingSetReportView(APIView):
    """What became of each file."""

    class FilterSerializer(serializers.Serializer[Any]):
        after = serializers.CharField(required=False, default=None)
        limit = serializers.IntegerField(required=False, default=100, min_value=1, max_value=500)

    class OutputSerializer(serializers.Serializer[Any]):
        lines = ReportLineSerializer(many=True)
        next = serializers.CharField(allow_null=True, help_text="cursor for `after`; null on the last page")

        class Meta:
            ref_name = "ReportPage"

    @extend_schema(
        operation_id="training_sets_report",
        parameters=[
            OpenApiParameter("after", OpenApiTypes.STR, description="`next` of the page before"),
            OpenApiParameter("limit", OpenApiTypes.INT, description="1 to 500, default 100"),
        ],
        responses={200: OutputSerializer, 400: ProblemSerializer, 404: ProblemSerializer, 410: ProblemSerializer},
    )
    def get(self, request: Request, training_set_id: UUID) -> Response:
        """A page of the report, refusals first where it is long."""
        filters = self.FilterSerializer(data=request.query_params)
        filters.is_valid(raise_exception=True)
        training_set = selectors.training_set_for(caller_of(request), training_set_id)
        return Response(report_page(training_set, **filters.validated_data))


class ExportSerializer(serializers.Serializer[Any]):
    """A training set as a zip, kept for a day."""

    id = serializers.UUIDField()
    training_set = serializers.UUIDField()
    state = serializers.ChoiceField(choices=[*Export.State.values, "expired"])
    done = serializers.IntegerField(help_text="pictures that are in the zip")
    total = serializers.IntegerField()
    bytes = serializers.IntegerField(allow_null=True)
    url = serializers.URLField(allow_null=True, help_text="presigned, for an hour")
    message = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()


class TrainingSetExportsView(APIView):
    """Zips of a training set."""

    authentication_classes = [XBlockAuthentication]

    @extend_schema(
        operation_id="exports_create",
        request=None,
        responses={202: ExportSerializer, 404: ProblemSerializer, 409: ProblemSerializer},
    )
    def post(self, request: Request, training_set_id: UUID) -> Response:
        """Ask for a zip in the layout that an import takes; asking again within the day gives the same one."""
        training_set = selectors.training_set_for(caller_of(request), training_set_id)
        export, _ = exports.export_create(training_set=training_set)
        return Response(exports.export_output(export), status=202)


class ExportView(APIView):
    """One zip."""

    @extend_schema(operation_id="exports_read", responses={200: ExportSerializer, 404: ProblemSerializer})
    def get(self, request: Request, export_id: UUID) -> Response:
        """How far it is, and where to fetch it."""
        return Response(exports.export_output(selectors.export_for(caller_of(request), export_id)))
