"""Errors as RFC 9457 `application/problem+json`: a stable `code` for programs, a sentence for the person."""

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, TypedDict

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.http import Http404, HttpRequest, JsonResponse
from rest_framework import exceptions, serializers
from rest_framework.response import Response

from axons_service.operations.outages import is_outage
from axons_service.operations.problem_codes import CODES

CONTENT_TYPE = "application/problem+json"
OUR_FAULT = "Something went wrong on our side. Your work is safe; try again in a moment."
AWAY = "The training service is not whole for a moment. Your work is safe; try again in a few seconds."
AWAY_SECONDS = 5

logger = logging.getLogger(__name__)


class FieldError(TypedDict):
    """What is wrong with one field; `field` is its dotted path in the request body."""

    field: str
    message: str


class FieldErrorSerializer(serializers.Serializer[Any]):
    """What is wrong with one field."""

    field = serializers.CharField(help_text="dotted path in the request body")
    message = serializers.CharField()


class ProblemSerializer(serializers.Serializer[Any]):
    """RFC 9457 problem details; sent as application/problem+json."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField(help_text="stable, for programs")
    detail = serializers.CharField(help_text="a sentence for the person")
    errors = FieldErrorSerializer(many=True, required=False)  # type: ignore[assignment]


class Problem(exceptions.APIException):
    """A refusal that the caller can act on. `detail` is a whole sentence; `errors` says more per field.

    `code` is one of `problem_codes.CODES`, with the status that stands there. `headers` go with the answer.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        errors: list[FieldError] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail, code)
        self.status_code = status
        self.problem_code = code
        self.sentence = detail
        self.errors = errors
        self.headers = dict(headers or {})


def problem_body(problem: Problem) -> dict[str, Any]:
    """The members of the problem document."""
    known = CODES.get(problem.problem_code)
    body: dict[str, Any] = {
        "type": f"urn:axons:problem:{problem.problem_code}",
        "title": known.title if known is not None else HTTPStatus(problem.status_code).phrase,
        "status": problem.status_code,
        "code": problem.problem_code,
        "detail": problem.sentence,
    }
    if problem.errors is not None:
        body["errors"] = problem.errors
    return body


def problem_response(problem: Problem) -> JsonResponse:
    """The problem as a plain Django response, for views and middleware outside DRF."""
    return JsonResponse(
        problem_body(problem), status=problem.status_code, headers=problem.headers, content_type=CONTENT_TYPE
    )


def problem_handler(exception: Exception, context: Mapping[str, Any]) -> Response | None:
    """DRF's exception handler: everything that DRF knows becomes a problem; the rest goes on to `server_error`."""
    problem = _problem_of(exception)
    if problem is None:
        return None
    headers = {**problem.headers}
    if problem.problem_code == "service_unavailable":
        logger.error("The database or the object store is away: %r", exception)
        headers["Retry-After"] = str(AWAY_SECONDS)
    if getattr(exception, "auth_header", None) or problem.status_code == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = getattr(exception, "auth_header", None) or "Bearer"
    return Response(problem_body(problem), status=problem.status_code, headers=headers, content_type=CONTENT_TYPE)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> JsonResponse:
    """Django's handler400: what no view has seen, such as a host that is not ours."""
    return problem_response(Problem(400, "bad_request", "This request cannot be read. Send well-formed HTTP."))


def not_found(request: HttpRequest, exception: Exception | None = None) -> JsonResponse:
    """Django's handler404."""
    return problem_response(Problem(404, "not_found", "There is nothing at this address."))


def server_error(request: HttpRequest) -> JsonResponse:
    """Django's handler500; Django has logged the exception already."""
    return problem_response(Problem(500, "internal_error", OUR_FAULT))


def _problem_of(exception: Exception) -> Problem | None:
    match exception:
        case Problem():
            return exception
        case exceptions.ValidationError():
            errors = list(_field_errors(exception.detail))
            where = f" ({errors[0]['field']})" if errors and errors[0]["field"] else ""
            first = errors[0]["message"] if errors else "The request is not valid."
            return Problem(400, "invalid_request", f"The request is not valid{where}: {first}", errors)
        case exceptions.NotAuthenticated():
            return Problem(401, "not_authenticated", "The request carries no credentials. Sign it and send it again.")
        case exceptions.PermissionDenied() | PermissionDenied():
            return Problem(403, "forbidden", "You may not do this here.")
        case exceptions.NotFound() | Http404():
            return Problem(404, "not_found", "There is nothing at this address, or it is not yours.")
        case exceptions.ParseError():
            return Problem(400, "body_malformed", f"The body is not JSON that this service takes. {exception.detail}")
        case RequestDataTooBig():
            return Problem(413, "body_too_large", CODES["body_too_large"].sentence)
        case SuspiciousOperation():
            return Problem(400, "bad_request", CODES["bad_request"].sentence)
        case exceptions.APIException():
            return Problem(exception.status_code, str(exception.default_code), str(exception.detail))
    return Problem(503, "service_unavailable", AWAY) if is_outage(exception) else None


def _field_errors(detail: Any, path: str = "") -> Sequence[FieldError]:
    """DRF's nested error detail as a flat list with dotted paths."""
    found: list[FieldError] = []
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            own = "" if name == "non_field_errors" else str(name)
            found.extend(_field_errors(inner, ".".join(part for part in (path, own) if part)))
    elif isinstance(detail, list | tuple):
        for index, inner in enumerate(detail):
            nested = isinstance(inner, Mapping)
            if nested and not inner:
                continue
            found.extend(_field_errors(inner, f"{path}.{index}" if nested else path))
    else:
        found.append({"field": path, "message": str(detail)})
    return found
