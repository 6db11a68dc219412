"""Regrading and exports, in the background. For staff alone."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from axons_service.grading import desk, desk_tasks, regrades
from axons_service.grading.desk_api import REFUSALS, StaffView
from axons_service.grading.desk_serializers import DeskTaskSerializer, RegradePreviewSerializer
from axons_service.grading.models import DeskTask
from axons_service.operations.cursors import CURSOR, LIMIT, page_of, page_query
from axons_service.operations.idempotency import IDEMPOTENCY_HEADER, idempotent
from axons_service.operations.problems import ProblemSerializer
from axons_service.operations.strict import StrictSerializer
from axons_service.sites.permissions import caller_of

SHA256 = r"^[0-9a-f]{64}$"


class RegradePreviewView(StaffView):
    """A dry run."""

    class InputSerializer(StrictSerializer):
        spec_hash = serializers.RegexField(SHA256, help_text="by which the stored results are scored anew")
        submission = serializers.UUIDField(required=False, allow_null=True, default=None, help_text="null for all")

        class Meta:
            ref_name = "RegradePreviewRequest"

    @extend_schema(
        operation_id="regrades_preview",
        request=InputSerializer,
        responses={200: RegradePreviewSerializer, **REFUSALS},
    )
    def post(self, request: Request) -> Response:
        """What a regrade would change. Nothing is changed."""
        data = self.InputSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        caller = caller_of(request)
        rows = desk.exercise_submissions(caller)
        if data.validated_data["submission"] is not None:
            rows = rows.filter(pk=data.validated_data["submission"])
        spec = desk_tasks.spec_of(caller, data.validated_data["spec_hash"])
        return Response(regrades.regrade_preview(rows, spec))


class DeskTasksView(StaffView):
    """What is done in the background."""

    class InputSerializer(StrictSerializer):
        kind = serializers.ChoiceField(choices=DeskTask.Kind.choices)
        spec_hash = serializers.RegexField(SHA256, required=False, allow_null=True, default=None)
        submission = serializers.UUIDField(required=False, allow_null=True, default=None, help_text="null for all")
        reason = serializers.CharField(max_length=2000, allow_blank=True, required=False, default="")

        class Meta:
            ref_name = "DeskTaskRequest"

    class OutputSerializer(serializers.Serializer[Any]):
        results = DeskTaskSerializer(many=True)
        next = serializers.CharField(allow_null=True, help_text="`cursor` of the next page; null on the last page")

        class Meta:
            ref_name = "DeskTasksPage"

    @extend_schema(
        operation_id="desk_tasks_list",
        parameters=[CURSOR, LIMIT],
        responses={200: OutputSerializer, 403: ProblemSerializer},
    )
    def get(self, request: Request) -> Response:
        """The exercise's regrades and exports, newest first."""
        caller = caller_of(request)
        of = f"desk-tasks:{caller.site.pk}:{caller.usage}"
        page, following = page_of(desk_tasks.tasks_of(caller), of=of, **page_query(request))
        return Response({"results": [desk_tasks.task_output(task) for task in page], "next": following})

    @extend_schema(
        operation_id="desk_tasks_create",
        parameters=[IDEMPOTENCY_HEADER],
        request=InputSerializer,
        responses={202: DeskTaskSerializer, 409: ProblemSerializer, **REFUSALS},
    )
    @idempotent("desk_tasks_create")
    def post(self, request: Request) -> Response:
        """Regrade one or all submissions by a spec, or export all of them."""
        data = self.InputSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        asked = data.validated_data
        task = desk_tasks.task_create(
            caller=caller_of(request),
            kind=asked["kind"],
            spec_hash=asked["spec_hash"],
            submission_id=asked["submission"],
            reason=asked["reason"],
        )
        return Response(desk_tasks.task_output(task), status=202)


class DeskTaskView(StaffView):
    """One of them."""

    @extend_schema(
        operation_id="desk_tasks_read",
        responses={200: DeskTaskSerializer, 403: ProblemSerializer, 404: ProblemSerializer},
    )
    def get(self, request: Request, task_id: UUID) -> Response:
        """How far it is, and where to fetch what it made."""
        return Response(desk_tasks.task_output(desk_tasks.task_for(caller_of(request), task_id)))


class DeskTaskStopView(StaffView):
    """Stopping one."""

    @extend_schema(
        operation_id="desk_tasks_stop",
        request=None,
        responses={
            200: DeskTaskSerializer,
            403: ProblemSerializer,
            404: ProblemSerializer,
            409: ProblemSerializer,
        },
    )
    def post(self, request: Request, task_id: UUID) -> Response:
        """Stop it before its next step. What it did stays."""
        return Response(desk_tasks.task_output(desk_tasks.task_stop(caller=caller_of(request), task_id=task_id)))
