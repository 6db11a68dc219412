"""`/workshop/open`: where an author makes sets for the library."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from axons_service.exercises.serializers import BundleSerializer
from axons_service.exercises.state import project_bundle
from axons_service.exercises.task_types import Task
from axons_service.exercises.workshops import workshop_open
from axons_service.operations.problems import ProblemSerializer
from axons_service.operations.strict import StrictSerializer
from axons_service.sites.authentication import XBlockAuthentication
from axons_service.sites.permissions import IsAuthor, caller_of


class WorkshopOpenView(APIView):
    """An author's workshop at an exercise."""

    authentication_classes = [XBlockAuthentication]
    permission_classes = [IsAuthor]

    class InputSerializer(StrictSerializer):
        task = serializers.ChoiceField(
            choices=Task.choices,
            allow_null=True,
            required=False,
            default=None,
            help_text="what its sets are for from now on; null leaves it as it is",
        )

        class Meta:
            ref_name = "WorkshopOpenRequest"

    @extend_schema(
        operation_id="workshop_open",
        request=InputSerializer,
        responses={200: BundleSerializer, 403: ProblemSerializer, 409: ProblemSerializer},
    )
    def post(self, request: Request) -> Response:
        """The author's workshop at the exercise, made where it is new. Idempotent.

        It is a project that takes pictures of any classes and trains nothing; its uploads and training sets are those
        of any project.
        """
        caller = caller_of(request)
        data = self.InputSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        project = workshop_open(caller=caller, **data.validated_data)
        bundle: dict[str, Any] = project_bundle(project, caller)
        return Response(bundle)
