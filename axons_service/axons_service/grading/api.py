"""`/submissions` and their reviews."""

from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from axons_service.exercises.results import submission_for_learner
from axons_service.exercises.selectors import own_project
from axons_service.exercises.services import project_dates_note
from axons_service.grading import desk, reviews, selectors, services
from axons_service.grading.models import Submission
from axons_service.grading.serializers import SubmissionSerializer, submission_output
from axons_service.operations.cursors import CURSOR, LIMIT, PageSerializer, page_query
from axons_service.operations.etags import IF_MATCH_HEADER, if_match_check
from axons_service.operations.idempotency import IDEMPOTENCY_HEADER, idempotency_key, idempotent, request_sha256
from axons_service.operations.problems import Problem, ProblemSerializer
from axons_service.operations.strict import StrictSerializer
from axons_service.sites.authentication import XBlockAuthentication
from axons_service.sites.callers import Caller
from axons_service.sites.permissions import IsCaller, IsStaff, caller_of


class WishSerializer(serializers.Serializer[Any]):
    """The order and the filters of the staff's list."""

    sort = serializers.ChoiceField(choices=desk.SORTS, required=False, default="newest")
    state = serializers.ChoiceField(choices=desk.STATES, required=False, default=None)
    needs_review = serializers.BooleanField(required=False, default=False)
    overridden = serializers.BooleanField(required=False, default=False)
    min_score = serializers.FloatField(min_value=0, max_value=1, required=False, default=None)
    max_score = serializers.FloatField(min_value=0, max_value=1, required=False, default=None)

    class Meta:
        ref_name = "SubmissionsQuery"


class SubmissionsPageSerializer(serializers.Serializer[Any]):
    """A page of the staff's list."""

    results = SubmissionSerializer(many=True)
    next = serializers.CharField(allow_null=True, help_text="`cursor` of the next page; null on the last page")

    class Meta:
        ref_name = "SubmissionsPage"


class SubmissionsView(APIView):
    """Hand in, and the staff's list."""

    authentication_classes = [XBlockAuthentication]

    class InputSerializer(StrictSerializer):
        model = serializers.UUIDField()

        class Meta:
            ref_name = "SubmissionRequest"

    def get_permissions(self) -> list[Any]:
        return [IsStaff() if self.request.method == "GET" else IsCaller()]

    @extend_schema(
        operation_id="submissions_list",
        parameters=[
            OpenApiParameter("usage", OpenApiTypes.STR, description="the exercise; must be that of the token"),
            WishSerializer,
            CURSOR,
            LIMIT,
        ],
        responses={200: SubmissionsPageSerializer, 400: ProblemSerializer, 403: ProblemSerializer},
    )
    def get(self, request: Request) -> Response:
        """The exercise's submissions for its staff: newest first, or as the query wishes."""
        caller = caller_of(request)
        _same_exercise(caller, request.query_params.get("usage"))
        query = WishSerializer(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        page, following = desk.desk_page(caller, desk.Wish(**query.validated_data), **page_query(request))
        return Response({"results": page, "next": following})

    @extend_schema(
        operation_id="submissions_create",
        parameters=[IDEMPOTENCY_HEADER],
        request=InputSerializer,
        responses={
            201: SubmissionSerializer,
            200: SubmissionSerializer,
            404: ProblemSerializer,
            409: ProblemSerializer,
            422: ProblemSerializer,
        },
    )
    @idempotent("submissions_create")
    def post(self, request: Request) -> Response:
        """Hand in a model for a grade. Only a scored submission uses a try."""
        caller = caller_of(request)
        key = idempotency_key(request)
        data = self.InputSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        submission, created = services.submission_create(
            project=project_dates_note(project=own_project(caller), caller=caller),
            model_id=data.validated_data["model"],
            idempotency_key=key,
            request_sha256=request_sha256(request.data),
        )
        shown = selectors.submission_for(caller, submission.pk)
        return Response(_as_seen_by(caller, shown), status=201 if created else 200)


class SubmissionsSearchView(APIView):
    """The staff's list of some learners: the LMS alone knows who has a name, and an address is too short for many."""

    authentication_classes = [XBlockAuthentication]
    permission_classes = [IsStaff]

    class InputSerializer(StrictSerializer, WishSerializer, PageSerializer):
        learners = serializers.ListField(
            child=serializers.CharField(max_length=128),
            max_length=desk.MAX_LEARNERS,
            required=False,
            allow_null=True,
            default=None,
            help_text="anonymous ids; null for everybody",
        )

        class Meta:
            ref_name = "SubmissionsSearchRequest"

    @extend_schema(
        operation_id="submissions_search",
        request=InputSerializer,
        responses={200: SubmissionsPageSerializer, 400: ProblemSerializer, 403: ProblemSerializer},
    )
    def post(self, request: Request) -> Response:
        """A page of the exercise's submissions, by these learners or by all. Nothing is changed."""
        data = self.InputSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        asked = dict(data.validated_data)
        cursor, limit = asked.pop("cursor"), asked.pop("limit")
        page, following = desk.desk_page(caller_of(request), desk.Wish(**asked), cursor=cursor, limit=limit)
        return Response({"results": page, "next": following})


class SubmissionView(APIView):
    """One submission."""

    authentication_classes = [XBlockAuthentication]

    @extend_schema(operation_id="submissions_read", responses={200: SubmissionSerializer, 404: ProblemSerializer})
    def get(self, request: Request, submission_id: UUID) -> Response:
        """Your own submission, or for staff any of the same exercise."""
        caller = caller_of(request)
        submission = selectors.submission_for(caller, submission_id)
        return Response(_as_seen_by(caller, submission))


class ReviewsView(APIView):
    """A grader's decisions."""

    authentication_classes = [XBlockAuthentication]
    permission_classes = [IsStaff]

    class InputSerializer(StrictSerializer):
        class PointsSerializer(StrictSerializer):
            points = serializers.FloatField(min_value=0)
            comment = serializers.CharField(max_length=4000, allow_blank=True, required=False, default="")

            class Meta:
                ref_name = "RubricPointsRequest"

        score = serializers.FloatField(min_value=0, max_value=1, allow_null=True, required=False, default=None)
        comment = serializers.CharField(max_length=10_000, allow_blank=True, required=False, default="")
        clear = serializers.BooleanField(required=False, default=False)
        rubric = serializers.DictField(
            child=PointsSerializer(), required=False, default=dict, help_text="{criterion id: points and comment}"
        )
        reason = serializers.CharField(
            max_length=2000, allow_blank=True, required=False, default="", help_text="of an override; for staff"
        )
        returns = serializers.BooleanField(
            required=False, default=False, help_text="give it back for revision, and the try with it"
        )

        class Meta:
            ref_name = "ReviewRequest"

    @extend_schema(
        operation_id="reviews_create",
        parameters=[IDEMPOTENCY_HEADER, IF_MATCH_HEADER],
        request=InputSerializer,
        responses={
            201: SubmissionSerializer,
            403: ProblemSerializer,
            404: ProblemSerializer,
            409: ProblemSerializer,
            422: ProblemSerializer,
        },
    )
    @idempotent("reviews_create")
    def post(self, request: Request, submission_id: UUID) -> Response:
        """Override the score, give rubric points, return it for revision, or only comment. Nothing is ever edited."""
        key = idempotency_key(request)
        data = self.InputSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        caller = caller_of(request)
        if "If-Match" in request.headers:
            seen = selectors.submission_for(caller, submission_id)
            if_match_check(request, submission_output(seen, is_staff=True))
        submission = reviews.review_create(
            caller=caller, submission_id=submission_id, idempotency_key=key, **data.validated_data
        )
        return Response(submission_output(submission, is_staff=True), status=201)


def _as_seen_by(caller: Caller, submission: Submission) -> dict[str, Any]:
    output = submission_output(submission, is_staff=caller.is_staff)
    return output if caller.is_staff else submission_for_learner(output, submission.project)


def _same_exercise(caller: Caller, usage: str | None) -> None:
    if usage is not None and usage != caller.usage:
        raise Problem(403, "other_exercise", "This token is for another exercise.")
