"""The `Idempotency-Key` header: the same key with the same body gives the first answer again."""

import hashlib
import json
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from axons_service.operations.problems import Problem

IDEMPOTENCY_HEADER = OpenApiParameter(
    "Idempotency-Key",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    required=True,
    description="1 to 100 characters, new for each request that a person makes; kept for its repeats.",
)


def idempotency_key(request: Request) -> str:
    """The request's key. Raises Problem 400 without one."""
    key = request.headers.get("Idempotency-Key", "").strip()
    if not 1 <= len(key) <= 100:
        sentence = "Send an Idempotency-Key header of 1 to 100 characters, so that a repeated request does no harm."
        raise Problem(400, "idempotency_key_missing", sentence)
    return key


def request_sha256(body: Any) -> str:
    """The identity of a request's body, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(body, sort_keys=True, default=str).encode()).hexdigest()
