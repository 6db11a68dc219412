"""The contract's second half: what drf-spectacular cannot read from the code of an operation.

Every app with an `api.py` has an `examples.py` with `OPERATIONS`, one entry an operation: the problems it may answer
with, and an example of its request and of each answer. `contract_apply` puts them into the OpenAPI document, with the
problems that follow from how the operation is called (credentials, body, query, Idempotency-Key).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from django.apps import apps

from axons_service.operations.problem_codes import CODES

METHODS = ("get", "post", "put", "patch", "delete")
PROBLEM = "application/problem+json"
TOKEN = (
    "token_algorithm",
    "token_audience",
    "token_claims",
    "token_expired",
    "token_malformed",
    "token_not_yet",
    "token_signature",
)
CREDENTIALS = {
    "xblock": ("not_authenticated", "token_key", "token_lifetime", "token_replayed", *TOKEN),
    "browser": ("not_authenticated", "token_issuer", *TOKEN),
    "pool": ("pool_token", "runner_token"),
    "enrolment": ("enrolment_token",),
    "attempt": ("attempt_token",),
}
BODY = ("body_malformed", "invalid_request", "body_too_large", "unsupported_media_type")
IDEMPOTENT = ("idempotency_key_missing", "idempotency_in_flight", "idempotency_mismatch")
ALWAYS = ("rate_limited", "internal_error", "service_unavailable")
HOISTED = 4  # statuses with more codes than this are shared only under the names of CREDENTIALS
PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457 problem details. Decide by `code`; show `detail`.",
    "properties": {
        "type": {"type": "string", "description": "`urn:axons:problem:` and the code"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "stable, for programs"},
        "detail": {"type": "string", "description": "a sentence for the person: what is wrong and what to do"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "field": {"type": "string", "description": "dotted path in the request"},
                    "message": {"type": "string"},
                },
                "required": ["field", "message"],
            },
        },
    },
    "required": ["type", "title", "status", "code", "detail"],
}


@dataclass(frozen=True)
class Operation:
    """`answers`: an example by 2xx or 304 status, None where there is no body. `problems`: codes of its own."""

    answers: dict[int, Any]
    request: Any = None
    problems: tuple[str, ...] = field(default=())


@cache
def operations() -> dict[str, Operation]:
    """Every entry of every app's `examples.py`, by operationId."""
    found: dict[str, Operation] = {}
    for app in apps.get_app_configs():
        if app.name.startswith("axons_service.") and find_spec(f"{app.name}.examples"):
            found |= import_module(f"{app.name}.examples").OPERATIONS
    return found


def documented(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Path, method and object of every operation of an OpenAPI document."""
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


def contract_apply(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """A postprocessing hook of drf-spectacular: problems and examples into the document."""
    components = result["components"]
    components["schemas"] = {
        name: shape for name, shape in components["schemas"].items() if name not in ("FieldError", "Problem")
    }
    components["schemas"]["Problem"] = PROBLEM_SCHEMA
    components["responses"] = {}
    components["examples"] = {}
    for path, method, operation in documented(result):
        entry = operations().get(operation["operationId"], Operation(answers={}))
        operation.setdefault("summary", _first_sentence(operation.get("description", "")))
        _add_examples(operation, entry)
        answers = {status: answer for status, answer in operation["responses"].items() if int(status) < 400}
        codes = operation_codes(operation, method=method, own=entry.problems, path=path)
        for status, names in _by_status(codes).items():
            answers[str(status)] = _problem_answer(components, status, names)
        operation["responses"] = dict(sorted(answers.items()))
    for part in ("responses", "examples", "schemas"):
        components[part] = dict(sorted(components[part].items()))
    return result


def operation_codes(operation: dict[str, Any], *, method: str, own: tuple[str, ...], path: str) -> set[str]:
    """Every problem code that the operation may answer with."""
    codes = {*own, *ALWAYS}
    schemes = [scheme for each in operation.get("security", []) for scheme in each]
    for scheme in schemes:
        codes.update(CREDENTIALS[scheme])
    if "xblock" in schemes and method != "get":
        codes.add("token_read_only")
    if "requestBody" in operation:
        codes.update(BODY)
    places = {(each["in"], each["name"]) for each in operation.get("parameters", [])}
    if ("header", "Idempotency-Key") in places:
        codes.update(IDEMPOTENT)
    if any(place == "query" for place, _ in places):
        codes.add("invalid_request")
    if "{" in path:
        codes.add("not_found")
    return codes


def problem_example(name: str) -> dict[str, Any]:
    """What an answer with this code looks like."""
    code = CODES[name]
    return {
        "type": f"urn:axons:problem:{name}",
        "title": code.title,
        "status": code.status,
        "code": name,
        "detail": code.sentence,
    }


def _by_status(names: set[str]) -> dict[int, tuple[str, ...]]:
    statuses = sorted({CODES[name].status for name in names})
    return {status: tuple(sorted(name for name in names if CODES[name].status == status)) for status in statuses}


def _problem_answer(components: dict[str, Any], status: int, names: tuple[str, ...]) -> dict[str, Any]:
    """The response object; shared under `components/responses` when its codes make a short name or are credentials'."""
    components["examples"] |= {name: {"summary": CODES[name].title, "value": problem_example(name)} for name in names}
    headers = {429: ("Retry-After", "RateLimit", "RateLimit-Policy"), 409: ("Retry-After",), 401: ("WWW-Authenticate",)}
    answer: dict[str, Any] = {
        "description": " · ".join(f"`{name}`: {CODES[name].title}." for name in names),
        "content": {
            PROBLEM: {
                "schema": {
                    "allOf": [
                        {"$ref": "#/components/schemas/Problem"},
                        {"type": "object", "properties": {"code": {"enum": list(names)}}},
                    ]
                },
                "examples": {name: {"$ref": f"#/components/examples/{name}"} for name in names},
            }
        },
    }
    if status in headers and (status != 409 or "idempotency_in_flight" in names):
        answer["headers"] = {name: {"schema": {"type": "string"}} for name in headers[status]}
    title = _shared_name(status, names)
    if title is None:
        return answer
    components["responses"][title] = answer
    return {"$ref": f"#/components/responses/{title}"}


def _shared_name(status: int, names: tuple[str, ...]) -> str | None:
    if status == 401:
        schemes = [scheme for scheme, codes in CREDENTIALS.items() if set(codes) <= set(names)]
        if {code for scheme in schemes for code in CREDENTIALS[scheme]} == set(names):
            return "Unauthorized_" + "_".join(schemes)
    return f"Problem{status}_" + "_or_".join(names) if len(names) <= HOISTED else None


def _add_examples(operation: dict[str, Any], entry: Operation) -> None:
    if entry.request is not None:
        for content in operation.get("requestBody", {}).get("content", {}).values():
            content["examples"] = {"example": {"value": entry.request}}
    for status, value in entry.answers.items():
        for content in operation["responses"].get(str(status), {}).get("content", {}).values():
            if value is not None:
                content["examples"] = {"example": {"value": value}}


def _first_sentence(description: str) -> str:
    return " ".join(description.split()).split(". ")[0].removesuffix(".")
