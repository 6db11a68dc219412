"""The `Idempotency-Key` header: the same key with the same body gives the first answer again, for 24 hours.

A request is claimed in its own short transaction, so that a copy which arrives meanwhile hears 409 instead of waiting.
Its effect and its answer are then committed together: a crash between them leaves neither, a lost response is repeated
word for word. Refusals are not kept: a request that was refused may succeed later under the same key.
"""

import functools
import hashlib
import json
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

from django.db import IntegrityError, transaction
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder

from axons_service.operations.models import IdempotentAnswer
from axons_service.operations.problems import Problem
from axons_service.sites.callers import Caller

KEPT = timedelta(hours=24)
LONGEST_RUN = timedelta(seconds=60)
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
            held = _claim(caller, operation, idempotency_key(request), sha256)
            if held.status is not None:
                return Response(held.body, status=held.status, headers={REPLAYED: "true"})
            try:
                with transaction.atomic():
                    response = handler(view, request, **path)
                    _keep(held, response)
            except BaseException:
                IdempotentAnswer.objects.filter(pk=held.pk, claim=held.claim, status__isnull=True).delete()
                raise
            return response

        return answered  # type: ignore[return-value]

    return decorate


def idempotent_answers_sweep() -> int:
    """Forget answers that were kept for a day; how many."""
    deleted, _ = IdempotentAnswer.objects.filter(created_at__lt=timezone.now() - KEPT).delete()
    return deleted


def _claim(caller: Caller, operation: str, key: str, sha256: str) -> IdempotentAnswer:
    """The row of this request: ours to run when it has no status, else the answer to repeat."""
    now = timezone.now()
    scope = {"site": caller.site, "learner": caller.learner, "operation": operation, "key": key}
    mine: dict[str, Any] = {"request_sha256": sha256, "claim": uuid.uuid4(), "runs_until": now + LONGEST_RUN}
    try:
        with transaction.atomic():
            return IdempotentAnswer.objects.create(**scope, **mine)
    except IntegrityError:
        pass
    first = IdempotentAnswer.objects.filter(**scope)
    if not first.filter(created_at__lt=now - KEPT).update(**mine, status=None, body=None, created_at=now):
        first.filter(status__isnull=True, runs_until__lt=now, request_sha256=sha256).update(**mine)
    row = first.first()
    if row is None or (row.status is None and row.claim != mine["claim"] and row.request_sha256 == sha256):
        headers = {"Retry-After": str(RETRY_SECONDS)}
        sentence = "The same request is running at this moment. Repeat it in a second to get its answer."
        raise Problem(409, "idempotency_in_flight", sentence, headers=headers)
    if row.request_sha256 != sha256:
        sentence = "This Idempotency-Key was used for another request. Send a new key with a new request."
        raise Problem(422, "idempotency_mismatch", sentence)
    return row


def _keep(held: IdempotentAnswer, response: Response) -> None:
    """Store the answer in the transaction of the effect; a claim that was lost meanwhile undoes both."""
    body = json.loads(json.dumps(response.data, cls=JSONEncoder))
    mine = IdempotentAnswer.objects.filter(pk=held.pk, claim=held.claim, status__isnull=True)
    if mine.update(status=response.status_code, body=body) != 1:
        headers = {"Retry-After": str(RETRY_SECONDS)}
        sentence = "This request took too long and its repeat took over. Repeat it to get the answer."
        raise Problem(409, "idempotency_in_flight", sentence, headers=headers)
