"""ETags on every answer to a GET: 304 while nothing changed, 412 for a write that builds on something old.

The tag is the hash of the content. Where the content has presigned links, which are signed anew at each read, their
signatures are left out, the tag is weak, and it changes every half hour, before any link that a client holds expires.
"""

import hashlib
import json
import time
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response, patch_vary_headers
from django.utils.decorators import sync_and_async_middleware
from django.utils.http import parse_etags
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder

from axons_service.operations.problems import Problem

LINKS_SECONDS = 1800
IF_MATCH_HEADER = OpenApiParameter(
    "If-Match",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="The ETag of what this builds on; 412 when it was changed meanwhile.",
)
PREFIXES = ("/api/v1/", "/runner/v1/")


@sync_and_async_middleware
def etags(get_response: Any) -> Any:
    """Middleware that gives JSON answers their ETag, and answers 304 to a matching If-None-Match."""
    if iscoroutinefunction(get_response):

        async def waiting(request: HttpRequest) -> HttpResponseBase:
            return _conditional(request, await get_response(request))

        return waiting

    def direct(request: HttpRequest) -> HttpResponseBase:
        return _conditional(request, get_response(request))

    return direct


def etag_of(data: Any) -> str:
    """The ETag of an answer with this content: strong, or weak when it has presigned links."""
    text = json.dumps(data, sort_keys=True, cls=JSONEncoder)
    plain = json.dumps(_without_signatures(data), sort_keys=True, cls=JSONEncoder)
    if plain == text:
        return f'"{_digest(text)}"'
    return f'W/"{_digest(f"{int(time.time() // LINKS_SECONDS)} {plain}")}"'


def if_match_check(request: Request, data: Any) -> None:
    """Raises Problem 412 when the request has an If-Match and what it changes is not that any more."""
    header = request.headers.get("If-Match")
    if header is not None and header.strip() != "*" and etag_of(data) not in parse_etags(header):
        sentence = "This was changed since you read it. Read it again, look at the change, and repeat your request."
        raise Problem(412, "precondition_failed", sentence)


def _conditional(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    if request.method not in ("GET", "HEAD") or not request.path.startswith(PREFIXES) or response.status_code != 200:
        return response
    if not isinstance(response, Response):
        return response
    tag = response.headers.get("ETag") or etag_of(response.data)
    response.headers["ETag"] = tag
    response.headers.setdefault("Cache-Control", "private, no-cache")
    patch_vary_headers(response, ("Authorization",))
    return get_conditional_response(request, etag=tag, response=response) or response


def _without_signatures(value: Any) -> Any:
    match value:
        case str() if "X-Amz-Signature=" in value:
            return value.split("?", 1)[0]
        case dict():
            return {name: _without_signatures(inner) for name, inner in value.items()}
        case list() | tuple():
            return [_without_signatures(inner) for inner in value]
    return value


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
