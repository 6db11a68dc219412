"""The handlers' logic, apart from the block; here is what they share: JSON in, JSON or a problem out."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable
from typing import Any, TypeGuard

from webob import Response
from xblock.core import XBlock

from axons_xblock import compat
from axons_xblock.errors import Problem, bad_request, gettext_noop

Json = dict[str, Any]

_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,100}")


def json_handler(handle: Callable[[Any, Json], Any]) -> Any:
    """Like `XBlock.json_handler`, with our error shape, and for `application/json` alone.

    The platform serves every handler without a CSRF token too, and a page elsewhere can make a browser post any
    content type but this one with the learner's cookies.
    """

    @XBlock.handler
    @functools.wraps(handle)
    def wrapper(self: Any, request: Any, suffix: str = "") -> Response:
        return answer(self, lambda: handle(self, read_json(request)))

    return wrapper


def answer(block: Any, act: Callable[[], Any]) -> Response:
    """A response with what `act` returns, or the problem it raises in the reader's language."""
    try:
        return json_response(act())
    except Problem as problem:
        return json_response(problem.as_json(compat.gettext(block)), problem.status)


def json_response(body: Any, status: int = 200) -> Response:
    """`body` as a JSON response that no cache keeps."""
    response = Response(json.dumps(body), status=status, content_type="application/json", charset="UTF-8")
    response.headers["Cache-Control"] = "no-store"
    return response


def read_json(request: Any) -> Json:
    """The JSON object of a POST; raises 405, 415 or `bad_request`."""
    if request.method != "POST":
        raise Problem(405, "method_not_allowed", gettext_noop("This address takes POST requests only."))
    if request.content_type != "application/json":
        raise Problem(415, "unsupported_media_type", gettext_noop("This address takes application/json only."))
    return json_object(request.body)


def json_object(body: bytes) -> Json:
    """The JSON object in `body`; raises `bad_request`."""
    try:
        data = json.loads(body)
    except ValueError as error:
        raise bad_request(gettext_noop("The request is not valid JSON.")) from error
    if not isinstance(data, dict):
        raise bad_request(gettext_noop("The request must be a JSON object."))
    return data


def is_share(value: object) -> TypeGuard[float]:
    """Whether `value` is a number from 0 to 1."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1


def require_id(data: Json, name: str) -> str:
    """An identifier that is safe inside a URL's path."""
    value = data.get(name)
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise bad_request(gettext_noop("{field} must be an identifier."), field=name)
    return value


def require_idempotency_key(data: Json) -> str:
    """The key by which a repeated request is known."""
    value = data.get("idempotency_key")
    if not isinstance(value, str) or not _IDEMPOTENCY_KEY.fullmatch(value):
        raise bad_request(gettext_noop("idempotency_key must be a text of 1 to 100 printable characters."))
    return value


def without_idempotency_key(data: Json) -> Json:
    """The body that the service gets."""
    return {name: value for name, value in data.items() if name != "idempotency_key"}
