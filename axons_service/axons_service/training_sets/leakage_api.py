"""What the leakage check found. Every view here is for staff alone."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from axons_service.operations.cursors import CURSOR, LIMIT, page_query
from axons_service.operations.problems import Problem, ProblemSerializer
from axons_service.sites.authentication import XBlockAuthentication
from axons_service.sites.permissions import IsStaff, caller_of
from axons_service.training_sets import selectors
from axons_service.training_sets.images import image_urls
from axons_service.training_sets.leakage import leakage_check
from axons_service.training_sets.models import LeakageCheck


class LeakageSerializer(serializers.Serializer[Any]):
    """How much of the hidden test set a training set holds."""

    class MatchSerializer(serializers.Serializer[Any]):
        """A picture of the training set and the hidden one that it is, or looks like."""

        sha256 = serializers.CharField()
        name = serializers.CharField()
        label = serializers.CharField()  # type: ignore[assignment]
        hidden_name = serializers.CharField()
        hidden_label = serializers.CharField()
        kind = serializers.ChoiceField(choices=["exact", "near"])
        distance = serializers.IntegerField(help_text="bits of 128 in which their dHashes differ")
        url = serializers.URLField(allow_null=True, help_text="of the training set's picture, never of the hidden one")

        class Meta:
            ref_name = "LeakageMatch"

    training_set = serializers.UUIDField()
    title = serializers.CharField()
    version = serializers.IntegerField()
    image_count = serializers.IntegerField()
    learner = serializers.CharField(allow_null=True)
    exact = serializers.IntegerField()
    near = serializers.IntegerField()
    matches = MatchSerializer(many=True, help_text="the first 200")
    checked_at = serializers.DateTimeField()


class TrainingSetLeakageView(APIView):
    """One training set's check."""

    authentication_classes = [XBlockAuthentication]
    permission_classes = [IsStaff]

    @extend_schema(
        operation_id="training_sets_leakage",
        responses={200: LeakageSerializer, 403: ProblemSerializer, 404: ProblemSerializer, 409: ProblemSerializer},
    )
    def get(self, request: Request, training_set_id: UUID) -> Response:
        """Compared with the exercise's hidden test set as it is now."""
        training_set = selectors.training_set_for(caller_of(request), training_set_id)
        if training_set.state != training_set.State.READY:
            raise Problem(409, "training_set_not_ready", "This training set is not ready yet. Wait for it.")
        found = leakage_check(training_set)
        if found is None:
            raise Problem(404, "nothing_to_compare", "This training set is compared with no hidden test set.")
        found.training_set = training_set
        return Response(_output(found))


class LeakageListView(APIView):
    """The exercise's training sets that hold hidden pictures."""

    authentication_classes = [XBlockAuthentication]
    permission_classes = [IsStaff]

    class OutputSerializer(serializers.Serializer[Any]):
        results = LeakageSerializer(many=True)
        next = serializers.CharField(allow_null=True, help_text="`cursor` of the next page; null on the last page")

        class Meta:
            ref_name = "LeakagePage"

    @extend_schema(
        operation_id="leakage_list",
        parameters=[CURSOR, LIMIT],
        responses={200: OutputSerializer, 400: ProblemSerializer, 403: ProblemSerializer},
    )
    def get(self, request: Request) -> Response:
        """Checks that found something, newest first."""
        page, following = selectors.leakage_page(caller_of(request), **page_query(request))
        return Response({"results": [_output(each) for each in page], "next": following})


def _output(check: LeakageCheck) -> dict[str, Any]:
    training_set = check.training_set
    is_there = training_set.purged_at is None and check.matches  # the finding stays when the learner deleted the set
    urls = image_urls(training_set, [each["sha256"] for each in check.matches]) if is_there else {}
    return {
        "training_set": str(training_set.pk),
        "title": training_set.title,
        "version": training_set.version,
        "image_count": training_set.image_count,
        "learner": training_set.project.learner if training_set.project is not None else None,
        "exact": check.exact,
        "near": check.near,
        "matches": [{**each, "url": urls.get(each["sha256"])} for each in check.matches],
        "checked_at": check.checked_at.isoformat(),
    }
