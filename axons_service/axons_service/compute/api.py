"""`/runner/v1/enrol`: a runner exchanges the token that its machine was started with for one of its own."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from axons_service.compute.services import runner_enrol
from axons_service.operations.problems import ProblemSerializer
from axons_service.operations.rates import rate_check
from axons_service.operations.strict import StrictSerializer
from axons_service.sites.authentication import NamedAuthentication, bearer


class EnrolmentAuthentication(NamedAuthentication):
    """An enrolment token; the runner is in the body."""


class EnrolmentScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the OpenAPI document describes an enrolment token."""

    target_class = EnrolmentAuthentication
    name = "enrolment"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "The token that a machine was started with; its runner enrols with it once.",
        }


class EnrolSerializer(StrictSerializer):
    """Which runner enrols, and the SHA-256 of the token that it made for itself."""

    name = serializers.RegexField(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")
    token_sha256 = serializers.RegexField(r"^[0-9a-f]{64}$")


class EnrolledSerializer(serializers.Serializer[Any]):
    """The pool that it works for."""

    pool = serializers.CharField()


class RunnerEnrolView(APIView):
    authentication_classes = [EnrolmentAuthentication]
    permission_classes = []

    @extend_schema(
        operation_id="runner_enrol",
        request=EnrolSerializer,
        responses={200: EnrolledSerializer, 400: ProblemSerializer, 401: ProblemSerializer, 409: ProblemSerializer},
    )
    def post(self, request: Request) -> Response:
        """Enrol once: the token of this hash claims for this runner from now on. Sending the same again is fine."""
        body = EnrolSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        name = body.validated_data["name"]
        token = bearer(request.headers.get("Authorization", "")) or ""
        runner = runner_enrol(name=name, token=token, token_sha256=body.validated_data["token_sha256"])
        rate_check(name="pool", owner=str(runner.pool_id))
        return Response({"pool": runner.pool.name})
