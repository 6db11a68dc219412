"""`/overview`: what an educator asks first."""

from datetime import timedelta
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from axons_service.exercises.overview import BINS, Standing, learners_in_detail, overview_of
from axons_service.operations.cursors import CURSOR, LIMIT, page_of, page_query
from axons_service.operations.problems import ProblemSerializer
from axons_service.sites.authentication import XBlockAuthentication
from axons_service.sites.permissions import IsStaff, caller_of


class LearnerSerializer(serializers.Serializer[Any]):
    """How one learner gets on."""

    learner = serializers.CharField(help_text="anonymous user id")
    standing = serializers.ChoiceField(choices=Standing.choices)
    opened_at = serializers.DateTimeField()
    runs = serializers.IntegerField()
    failed_runs = serializers.IntegerField()
    last_run_at = serializers.DateTimeField(allow_null=True)
    last_failure = serializers.CharField(help_text="the sentence of the newest run when it failed, else empty")
    best_score = serializers.FloatField(allow_null=True, help_text="0 to 1")
    compute_minutes = serializers.FloatField()

    class Meta:
        ref_name = "OverviewLearner"


class OverviewView(APIView):
    """The class at a glance."""

    authentication_classes = [XBlockAuthentication]
    permission_classes = [IsStaff]

    class OutputSerializer(serializers.Serializer[Any]):
        standings = serializers.DictField(
            child=serializers.IntegerField(), help_text=f"learners by standing: {', '.join(Standing.values)}"
        )
        scores = serializers.ListField(
            child=serializers.IntegerField(),
            min_length=BINS,
            max_length=BINS,
            help_text="learners by their best score, in tenths from 0 to 1",
        )
        runs = serializers.IntegerField(help_text="trainings, of all learners")
        failed_runs = serializers.IntegerField()
        failures = serializers.DictField(child=serializers.IntegerField(), help_text="failed trainings by class")
        compute_minutes = serializers.FloatField(help_text="that trainings took, our own faults not counted")

        class Meta:
            ref_name = "Overview"

    @extend_schema(operation_id="overview", responses={200: OutputSerializer, 403: ProblemSerializer})
    def get(self, request: Request) -> Response:
        """Who has begun, who is stuck, what was scored and what it took, for the exercise's staff."""
        found = overview_of(caller_of(request))
        return Response(
            {
                "standings": found.standings,
                "scores": found.scores,
                "runs": found.runs,
                "failed_runs": found.failed_runs,
                "failures": found.failures,
                "compute_minutes": _minutes(found.compute_time),
            }
        )


class OverviewLearnersView(APIView):
    """The class, one by one."""

    authentication_classes = [XBlockAuthentication]
    permission_classes = [IsStaff]

    class OutputSerializer(serializers.Serializer[Any]):
        results = LearnerSerializer(many=True)
        next = serializers.CharField(allow_null=True, help_text="`cursor` of the next page; null on the last page")

        class Meta:
            ref_name = "OverviewLearnersPage"

    class QuerySerializer(serializers.Serializer[Any]):
        standing = serializers.ChoiceField(choices=Standing.choices, required=False, default=None)

    @extend_schema(
        operation_id="overview_learners",
        parameters=[
            OpenApiParameter("standing", enum=Standing.values, description="only learners who stand there"),
            CURSOR,
            LIMIT,
        ],
        responses={200: OutputSerializer, 403: ProblemSerializer},
    )
    def get(self, request: Request) -> Response:
        """Learners who opened the exercise, the newest first, for its staff."""
        caller = caller_of(request)
        query = self.QuerySerializer(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        standing = query.validated_data["standing"]
        rows = learners_in_detail(caller)
        if standing is not None:
            rows = rows.filter(standing=standing)
        of = f"overview:{caller.site.pk}:{caller.usage}:{standing or ''}"
        page, following = page_of(rows, of=of, **page_query(request))
        return Response({"results": [_output(each) for each in page], "next": following})


def _output(row: Any) -> dict[str, Any]:
    """A row of `learners_in_detail`."""
    return {
        "learner": row.learner,
        "standing": row.standing,
        "opened_at": row.created_at.isoformat(),
        "runs": row.runs,
        "failed_runs": row.failed_runs,
        "last_run_at": row.last_run_at.isoformat() if row.last_run_at else None,
        "last_failure": row.last_failure,
        "best_score": row.best_score,
        "compute_minutes": _minutes(row.compute_time),
    }


def _minutes(time: timedelta) -> float:
    return round(time.total_seconds() / 60, 1)
