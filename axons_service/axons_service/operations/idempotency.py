"""The `Idempotency-Key` header: the same key with the same body gives the first answer again, for 24 hours.

The effect and the answer are committed together: a crash leaves neither, a lost response is repeated word for word.
Refusals are not kept: a request that was refused may succeed later under the same key. While a request runs, its
transaction holds an advisory lock, so that a copy which arrives meanwhile hears 409 instead of waiting, and a copy
which arrives after the process or the database died finds nothing in its way. (SQLite has one writer: the copy waits.)
"""

import functools
import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

from django.db import connection, transaction
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder

from axons_service.operations.models import IdempotentAnswer
from axons_service.operations.problems import Problem
from axons_service.sites.callers import Caller

KEPT = timedelta(hours=24)
RETRY_SECONDS = 1
REPLAYED = "Idempotency-Replayed"
IDEMPOTENCY_HEADER = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": 100, "pattern": r"^[!-~]([ -~]*[!-~])?$"},
    OpenApiParameter.HEADER,
    required=True,
    description="1 to 100 visible ASCII characters, new for each thing a person does; kept 24 hours for its repeats.",
)

Handler = TypeVar("Handler", bound=Callable[..., Response])


def idempotency_key(request: Request) -> str:
    """The request's key. Raises Problem 400 without one."""
    key = request.headers.get("Idempotency-Key", "").strip()
    if not 1 <= len(key) <= 100 or not key.isascii() or not key.isprintable():
        sentence = "Send an Idempotency-Key header of 1 to 100 characters, so that a repeated request does no harm."
        raise Problem(400, "idempotency_key_missing", sentence)
    return key


def request_sha256(body: Any) -> str:
    """The identity of a request's body, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(body, sort_keys=True, default=str).encode()).hexdigest()


def idempotent(operation: str) -> Callable[[Handler], Handler]:
    """Make a view's handler answer repeats with its first answer. The key's scope is site, learner and operation.

    Raises Problem 422 `idempotency_mismatch` for another body, 409 `idempotency_in_flight` while the first one runs.
    """

    def decorate(handler: Handler) -> Handler:
        @functools.wraps(handler)
        def answered(view: Any, request: Request, **path: Any) -> Response:
            caller = request.auth
            assert isinstance(caller, Caller), "an idempotent operation needs IsCaller"
            sha256 = request_sha256({"path": path, "body": request.data})
            key = idempotency_key(request)
            scope = {"site": caller.site, "learner": caller.learner, "operation": operation, "key": key}
            with transaction.atomic():
                _lock(f"{caller.site.pk} {operation} {caller.learner} {key}")
                first = _first(scope, sha256)
                if first is not None:
                    return Response(first.body, status=first.status, headers={REPLAYED: "true"})
                response = handler(view, request, **path)
                body = json.loads(json.dumps(response.data, cls=JSONEncoder))
                IdempotentAnswer.objects.create(**scope, request_sha256=sha256, status=response.status_code, body=body)
            return response

        return answered  # type: ignore[return-value]

    return decorate


def idempotent_answers_sweep() -> int:
    """Forget answers that were kept for a day; how many."""
    deleted, _ = IdempotentAnswer.objects.filter(created_at__lt=timezone.now() - KEPT).delete()
    return deleted


def _lock(name: str) -> None:
    """Hold the request's name until the transaction ends, however it ends. Raises Problem 409 when another one does."""
    if connection.vendor != "postgresql":
        return
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [number])
        (held,) = cursor.fetchone()
    if not held:
        headers = {"Retry-After": str(RETRY_SECONDS)}
        sentence = "The same request is running at this moment. Repeat it in a second to get its answer."
        raise Problem(409, "idempotency_in_flight", sentence, headers=headers)


def _first(scope: dict[str, Any], sha256: str) -> IdempotentAnswer | None:
    """The answer that was given to this key. Raises Problem 422 when the request was another one."""
    first = IdempotentAnswer.objects.filter(**scope).first()
    if first is None:
        return None
    if first.created_at < timezone.now() - KEPT:
        first.delete()
        return None
    if first.request_sha256 != sha256:
        sentence = "This Idempotency-Key was used for another request. Send a new key with a new request."
        raise Problem(422, "idempotency_mismatch", sentence)
    return first
