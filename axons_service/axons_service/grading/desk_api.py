"""The graders' desk: one submission with all there is, locks, notes, allowances. For staff alone."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from axons_service.grading import desk, links, locks, reviews
from axons_service.grading.desk_serializers import DeskLinkSerializer, DeskSubmissionSerializer, RedeemedSerializer
from axons_service.grading.serializers import SubmissionSerializer, submission_output
from axons_service.operations.idempotency import IDEMPOTENCY_HEADER, idempotent
from axons_service.operations.problems import ProblemSerializer
from axons_service.operations.strict import StrictSerializer
from axons_service.sites.authentication import XBlockAuthentication
from axons_service.sites.permissions import IsStaff, caller_of

REFUSALS = {403: ProblemSerializer, 404: ProblemSerializer, 422: ProblemSerializer}
MAX_EXTENSION = timedelta(days=730)


class StaffView(APIView):
    """For a grader or author of the exercise in the token."""

    authentication_classes = [XBlockAuthentication]
    permission_classes = [IsStaff]


class DeskSubmissionView(StaffView):
    """One submission at the desk."""

    @extend_schema(
        operation_id="desk_submission",
        responses={200: DeskSubmissionSerializer, 403: ProblemSerializer, 404: ProblemSerializer},
    )
    def get(self, request: Request, submission_id: UUID) -> Response:
        """Spec, training set, model, curves, predictions, history, notes and audit trail."""
        return Response(desk.desk_submission(caller_of(request), submission_id))


class LockView(StaffView):
    """The grading lock."""

    class InputSerializer(StrictSerializer):
        action = serializers.ChoiceField(choices=["take", "take_over", "release"])

        class Meta:
            ref_name = "LockRequest"

    @extend_schema(
        operation_id="submissions_lock",
        request=InputSerializer,
        responses={200: SubmissionSerializer, 409: ProblemSerializer, **REFUSALS},
    )
    def post(self, request: Request, submission_id: UUID) -> Response:
        """Keep others from the submission for eight hours, take it over on purpose, or let go of it."""
        data = self.InputSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        caller, action = caller_of(request), data.validated_data["action"]
        if action == "release":
            submission = locks.lock_release(caller=caller, submission_id=submission_id)
        else:
            submission = locks.lock_take(caller=caller, submission_id=submission_id, take_over=action == "take_over")
        return Response(submission_output(submission, is_staff=True))


class AllowanceView(StaffView):
    """Extra tries and a later due date."""

    class InputSerializer(StrictSerializer):
        extra_tries = serializers.IntegerField(min_value=0, max_value=reviews.MAX_EXTRA_TRIES)
        extended_until = serializers.DateTimeField(allow_null=True)
        reason = serializers.CharField(max_length=2000)

        class Meta:
            ref_name = "AllowanceRequest"

        def validate_extended_until(self, value: Any) -> Any:
            if value is not None and value > timezone.now() + MAX_EXTENSION:
                raise serializers.ValidationError("An extension ends within two years.")
            return value

    @extend_schema(
        operation_id="submissions_allowance",
        parameters=[IDEMPOTENCY_HEADER],
        request=InputSerializer,
        responses={200: DeskSubmissionSerializer, **REFUSALS},
    )
    @idempotent("submissions_allowance")
    def post(self, request: Request, submission_id: UUID) -> Response:
        """Grant the submission's learner tries beyond the spec's, and a later due date; replaces what was granted."""
        data = self.InputSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        caller = caller_of(request)
        reviews.allowance_set(caller=caller, submission_id=submission_id, **data.validated_data)
        return Response(desk.desk_submission(caller, submission_id))


class NotesView(StaffView):
    """Notes beside a submission, for staff alone."""

    class InputSerializer(StrictSerializer):
        text = serializers.CharField(max_length=4000)

        class Meta:
            ref_name = "NoteRequest"

    @extend_schema(
        operation_id="submissions_note",
        parameters=[IDEMPOTENCY_HEADER],
        request=InputSerializer,
        responses={201: DeskSubmissionSerializer, **REFUSALS},
    )
    @idempotent("submissions_note")
    def post(self, request: Request, submission_id: UUID) -> Response:
        """Write something down that the learner does not see. Notes are never edited."""
        data = self.InputSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        caller = caller_of(request)
        reviews.note_create(caller=caller, submission_id=submission_id, **data.validated_data)
        return Response(desk.desk_submission(caller, submission_id), status=201)


class DeskLinksView(StaffView):
    """One-time links to the full page."""

    @extend_schema(
        operation_id="desk_links_create",
        request=None,
        responses={201: DeskLinkSerializer, 403: ProblemSerializer, 404: ProblemSerializer},
    )
    def post(self, request: Request) -> Response:
        """A link for the caller alone, good once and for two minutes."""
        token, expires_at = links.link_create(caller=caller_of(request))
        return Response({"token": token, "expires_at": expires_at.isoformat()}, status=201)


class DeskLinkRedeemView(StaffView):
    """Spending a link."""

    class InputSerializer(StrictSerializer):
        token = serializers.CharField(max_length=100)

        class Meta:
            ref_name = "DeskLinkRedeemRequest"

    @extend_schema(
        operation_id="desk_links_redeem",
        request=InputSerializer,
        responses={200: RedeemedSerializer, 403: ProblemSerializer, 410: ProblemSerializer},
    )
    def post(self, request: Request) -> Response:
        """Whether the LMS may serve the page: 200 once, 410 from then on."""
        data = self.InputSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        links.link_redeem(caller=caller_of(request), **data.validated_data)
        return Response({"status": "redeemed"})
