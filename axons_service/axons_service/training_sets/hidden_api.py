"""`/hidden-test-set`: what the educator's own exercise is scored on. For staff alone."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from axons_service.exercises.selectors import own_project
from axons_service.operations.problems import Problem, ProblemSerializer
from axons_service.sites.authentication import XBlockAuthentication
from axons_service.sites.permissions import IsStaff, caller_of
from axons_service.training_sets.images import MAX_PAGE, PAGE, images_page
from axons_service.training_sets.selectors import hidden_set_for
from axons_service.training_sets.serializers import ImageSerializer, TrainingSetSerializer, training_set_output


class HiddenTestSetView(APIView):
    """The hidden test set of the exercise, as the caller's spec names it."""

    authentication_classes = [XBlockAuthentication]
    permission_classes = [IsStaff]

    class FilterSerializer(serializers.Serializer[Any]):
        label = serializers.CharField(required=False, default=None)  # type: ignore[assignment]
        after = serializers.CharField(required=False, default=None)
        limit = serializers.IntegerField(required=False, default=PAGE, min_value=1, max_value=MAX_PAGE)

    class OutputSerializer(serializers.Serializer[Any]):
        set = TrainingSetSerializer()
        images = ImageSerializer(many=True)
        next = serializers.CharField(allow_null=True, help_text="cursor for `after`; null on the last page")

        class Meta:
            ref_name = "HiddenTestSetPage"

    @extend_schema(
        operation_id="hidden_test_set_read",
        parameters=[
            OpenApiParameter("label", OpenApiTypes.STR),
            OpenApiParameter("after", OpenApiTypes.STR, description="`next` of the page before"),
            OpenApiParameter("limit", {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": PAGE}),
        ],
        responses={200: OutputSerializer, 400: ProblemSerializer, 403: ProblemSerializer, 404: ProblemSerializer},
    )
    def get(self, request: Request) -> Response:
        """The set, and a page of its images with presigned URLs."""
        filters = self.FilterSerializer(data=request.query_params.dict())
        filters.is_valid(raise_exception=True)
        project = own_project(caller_of(request))
        found = hidden_set_for(project, site=project.exercise.site)
        if found is None:
            raise Problem(
                404, "no_hidden_test_set", "This exercise has no hidden test set, or it is not there any more."
            )
        page = images_page(found, split=None, for_staff=True, **filters.validated_data)
        return Response({"set": training_set_output(found), **page})
