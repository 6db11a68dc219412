"""`/leaderboard`."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from axons_service.exercises.selectors import own_project
from axons_service.grading.leaderboard import PLACES, leaderboard
from axons_service.operations.problems import ProblemSerializer
from axons_service.sites.permissions import caller_of


class LeaderboardView(APIView):
    """The class's best results, without names."""

    class OutputSerializer(serializers.Serializer[Any]):
        class OwnSerializer(serializers.Serializer[Any]):
            place = serializers.IntegerField()
            value = serializers.FloatField()

            class Meta:
                ref_name = "LeaderboardOwn"

        class PlaceSerializer(serializers.Serializer[Any]):
            place = serializers.IntegerField(help_text="equal values share a place")
            value = serializers.FloatField(help_text="a learner's best, on the hidden test set")
            is_own = serializers.BooleanField()

            class Meta:
                ref_name = "LeaderboardPlace"

        metric = serializers.CharField()
        results_withheld = serializers.BooleanField(help_text="whether the author keeps scores back now: all is empty")
        learners = serializers.IntegerField(help_text="how many have a place")
        own = OwnSerializer(allow_null=True, help_text="null before something was scored, and for staff")
        places = PlaceSerializer(many=True, help_text=f"the first {PLACES}")

        class Meta:
            ref_name = "Leaderboard"

    @extend_schema(operation_id="leaderboard", responses={200: OutputSerializer, 404: ProblemSerializer})
    def get(self, request: Request) -> Response:
        """The first places and your own."""
        caller = caller_of(request)
        return Response(leaderboard(own_project(caller), is_staff=caller.is_staff))
