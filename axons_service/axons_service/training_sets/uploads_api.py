"""`/uploads`: files between a browser and the object store."""

from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from axons_service.exercises.selectors import own_project
from axons_service.operations.cursors import CURSOR, LIMIT, page_of, page_query
from axons_service.operations.problems import ProblemSerializer
from axons_service.operations.strict import StrictSerializer
from axons_service.sites.authentication import XBlockAuthentication
from axons_service.sites.permissions import caller_of
from axons_service.storage import objects
from axons_service.training_sets import selectors, uploads
from axons_service.training_sets.models import Upload

PUT_SECONDS = 900
MAX_DISCARDED = 1000


def _state(upload: Upload) -> str:
    return "waiting" if upload.arrived_at is None else "arrived"


class UploadsView(APIView):
    """Room for files in the object store."""

    class InputSerializer(StrictSerializer):
        class UploadFileSerializer(StrictSerializer):
            name = serializers.CharField(max_length=1000)
            bytes = serializers.IntegerField(min_value=0, max_value=2**53)
            content_type = serializers.CharField(max_length=100, allow_blank=True)
            client_id = serializers.RegexField(
                r"^[0-9A-Za-z_-]{8,64}$",
                required=False,
                help_text="made by the browser; the same id gives the same upload, so that a repeat does no harm",
            )
            sha256 = serializers.RegexField(
                r"^[0-9a-f]{64}$", required=False, help_text="of the file, when the browser could compute it"
            )
            label = serializers.CharField(  # type: ignore[assignment]
                max_length=200,
                required=False,
                allow_blank=True,
                help_text="the class that the file is meant for; kept for a page that goes on later",
            )

        files = UploadFileSerializer(many=True)
        purpose = serializers.ChoiceField(choices=Upload.Purpose.choices)

        class Meta:
            ref_name = "UploadsRequest"

    class OutputSerializer(serializers.Serializer[Any]):
        class UploadSerializer(serializers.Serializer[Any]):
            id = serializers.UUIDField()
            client_id = serializers.CharField()
            name = serializers.CharField()
            state = serializers.ChoiceField(
                choices=["waiting", "arrived"], help_text="arrived: the store has it, nothing needs to be sent"
            )
            url = serializers.URLField()
            method = serializers.ChoiceField(choices=["PUT"])
            headers = serializers.DictField(child=serializers.CharField())
            expires_in = serializers.IntegerField(help_text="seconds; then declare the file again for a new URL")

        class RejectedFileSerializer(serializers.Serializer[Any]):
            client_id = serializers.CharField()
            name = serializers.CharField()
            code = serializers.CharField()
            reason = serializers.CharField()

        uploads = UploadSerializer(many=True)
        rejected = RejectedFileSerializer(many=True)

        class Meta:
            ref_name = "Uploads"

    class FilterSerializer(serializers.Serializer[Any]):
        purpose = serializers.ChoiceField(choices=Upload.Purpose.choices, default=Upload.Purpose.TRAINING_SET)

    class WaitingSerializer(serializers.Serializer[Any]):
        class WaitingUploadSerializer(serializers.Serializer[Any]):
            id = serializers.UUIDField()
            client_id = serializers.CharField()
            name = serializers.CharField()
            bytes = serializers.IntegerField()
            sha256 = serializers.CharField()
            label = serializers.CharField()  # type: ignore[assignment]
            state = serializers.ChoiceField(choices=["waiting", "arrived"])
            created_at = serializers.DateTimeField()

        uploads = WaitingUploadSerializer(many=True)
        next = serializers.CharField(allow_null=True, help_text="`cursor` of the next page; null on the last page")

        class Meta:
            ref_name = "UploadsPage"

    def get_authenticators(self) -> list[Any]:
        """Reads are open to a page's own token too; what changes something comes through the XBlock."""
        if self.request is not None and self.request.method == "POST":
            return [XBlockAuthentication()]
        return super().get_authenticators()

    @extend_schema(
        operation_id="uploads_create",
        request=InputSerializer,
        responses={201: OutputSerializer, 403: ProblemSerializer, 422: ProblemSerializer},
    )
    def post(self, request: Request) -> Response:
        """Declare 1 to 100 files and get presigned URLs to PUT them to, for 15 minutes.

        Size and type are part of the signature: the store takes nothing else. Files of a wrong kind or size are
        rejected one by one. Declare a file again with its `client_id` after a lost answer, for a new URL, and to
        learn whether it has arrived.
        """
        data = self.InputSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        project = own_project(caller_of(request))
        declaration = uploads.uploads_declare(project=project, **data.validated_data)
        places = [
            {
                "id": str(upload.pk),
                "client_id": client_id,
                "name": upload.name,
                "state": _state(upload),
                "expires_in": PUT_SECONDS,
                **objects.presigned_put(
                    upload.key, bytes=upload.bytes, content_type=upload.content_type, expires=PUT_SECONDS
                ),
            }
            for client_id, upload in declaration.uploads
        ]
        return Response({"uploads": places, "rejected": declaration.refused}, status=201)

    @extend_schema(
        operation_id="uploads_list",
        parameters=[
            OpenApiParameter("purpose", OpenApiTypes.STR, enum=Upload.Purpose.values),
            CURSOR,
            LIMIT,
        ],
        responses={200: WaitingSerializer, 404: ProblemSerializer},
    )
    def get(self, request: Request) -> Response:
        """Uploads of yours that no training set or job has taken, so that a page can go on where it was cut off."""
        filters = self.FilterSerializer(data=request.query_params.dict())
        filters.is_valid(raise_exception=True)
        project, purpose = own_project(caller_of(request)), filters.validated_data["purpose"]
        rows = selectors.uploads_waiting(project, purpose=purpose)
        page, following = page_of(rows, of=f"uploads:{project.pk}:{purpose}", **page_query(request))
        listed = [
            {
                "id": str(upload.pk),
                "client_id": upload.client_id,
                "name": upload.name,
                "bytes": upload.bytes,
                "sha256": upload.sha256,
                "label": upload.label,
                "state": _state(upload),
                "created_at": upload.created_at.isoformat(),
            }
            for upload in page
        ]
        return Response({"uploads": listed, "next": following})


class UploadsConfirmView(APIView):
    """What the store really has."""

    authentication_classes = [XBlockAuthentication]

    class InputSerializer(StrictSerializer):
        uploads = serializers.ListField(child=serializers.UUIDField(), max_length=1000)

        class Meta:
            ref_name = "UploadsConfirmRequest"

    class OutputSerializer(serializers.Serializer[Any]):
        class MissingUploadSerializer(serializers.Serializer[Any]):
            id = serializers.UUIDField()
            name = serializers.CharField()
            code = serializers.CharField()
            reason = serializers.CharField()

        arrived = serializers.ListField(child=serializers.UUIDField())
        missing = MissingUploadSerializer(many=True)

        class Meta:
            ref_name = "UploadsConfirmed"

    @extend_schema(
        operation_id="uploads_confirm",
        request=InputSerializer,
        responses={200: OutputSerializer, 404: ProblemSerializer, 422: ProblemSerializer},
    )
    def post(self, request: Request) -> Response:
        """Have the store asked whether 1 to 100 uploads are there in full; repeat it as often as you like."""
        data = self.InputSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        ids: list[UUID] = data.validated_data["uploads"]
        confirmation = uploads.uploads_confirm(project=own_project(caller_of(request)), ids=ids)
        arrived = [str(upload.pk) for upload in confirmation.arrived]
        return Response({"arrived": arrived, "missing": confirmation.missing})


class UploadsDiscardView(APIView):
    """Second thoughts."""

    authentication_classes = [XBlockAuthentication]

    class InputSerializer(StrictSerializer):
        uploads = serializers.ListField(child=serializers.UUIDField(), max_length=MAX_DISCARDED)

        class Meta:
            ref_name = "UploadsDiscardRequest"

    class OutputSerializer(serializers.Serializer[Any]):
        discarded = serializers.IntegerField()

        class Meta:
            ref_name = "UploadsDiscarded"

    @extend_schema(
        operation_id="uploads_discard",
        request=InputSerializer,
        responses={200: OutputSerializer, 404: ProblemSerializer},
    )
    def post(self, request: Request) -> Response:
        """Throw uploads away. Those that a training set is being made of stay, unknown ones are no error."""
        data = self.InputSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        project = own_project(caller_of(request))
        return Response({"discarded": uploads.uploads_discard(project=project, ids=data.validated_data["uploads"])})
