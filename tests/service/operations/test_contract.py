"""The OpenAPI document as a promise: every operation says what it takes, what it answers, and how it refuses."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from django.urls import get_resolver
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

import axons_service
from axons_service.operations.api_page import api_page
from axons_service.operations.contract import PROBLEM, documented, operations
from axons_service.operations.openapi import document
from axons_service.operations.problem_codes import CODES
from axons_service.operations.problems import Problem, problem_body

ROOM = Path(axons_service.__file__).parent
PAGE = Path(__file__).parents[3] / "docs" / "api.md"
WHERE = "Add it to OPERATIONS in the examples.py beside the operation's api.py (see operations/contract.py)."
DYNAMIC = {"exercises/services.py", "exercises/hyperparameters.py"}  # they pass a code on that another line names


def named() -> list[Any]:
    return [pytest.param(path, method, each, id=each["operationId"]) for path, method, each in documented(document())]


@cache
def registry() -> Registry[Any]:
    return Registry().with_resource("doc:", Resource.from_contents(document(), default_specification=DRAFT202012))


def misfits(schema: dict[str, Any], value: Any) -> list[str]:
    """What of the value does not fit a schema of the document, as sentences."""
    absolute = _absolute(schema)
    validator = Draft202012Validator(absolute, registry=registry(), format_checker=Draft202012Validator.FORMAT_CHECKER)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


def _absolute(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {
            name: f"doc:{value}" if name == "$ref" and isinstance(value, str) else _absolute(value)
            for name, value in schema.items()
        }
    return [_absolute(each) for each in schema] if isinstance(schema, list) else schema


def resolved(answer: dict[str, Any]) -> dict[str, Any]:
    name = answer.get("$ref", "").rsplit("/", 1)[-1]
    return document()["components"]["responses"][name] if name else answer


def test_the_document_is_valid_openapi_3_1() -> None:
    assert document()["openapi"].startswith("3.1")
    errors = [error.message for error in OpenAPIV31SpecValidator(document()).iter_errors()]
    assert errors == []


@pytest.mark.parametrize(("path", "method", "operation"), named())
def test_every_operation_says_what_it_does_and_whom_it_serves(path: str, method: str, operation: Any) -> None:
    name = operation["operationId"]
    assert operation.get("summary"), f"{name} has no docstring: its first sentence is the summary."
    schemes = [scheme for each in operation.get("security", []) for scheme in each]
    assert schemes, f"{name} names no credentials: set authentication_classes of its view."
    known = document()["components"]["securitySchemes"]
    assert all(known[scheme]["description"] for scheme in schemes)


@pytest.mark.parametrize(("path", "method", "operation"), named())
def test_every_operation_names_its_problems(path: str, method: str, operation: Any) -> None:
    refusals = {int(status): resolved(each) for status, each in operation["responses"].items() if int(status) >= 400}
    assert {401, 429, 500} <= set(refusals)
    assert not ("{" in path and 404 not in refusals)
    assert not ("requestBody" in operation and not {400, 413, 415} <= set(refusals))
    for status, answer in refusals.items():
        content = answer["content"][PROBLEM]
        codes = content["schema"]["allOf"][1]["properties"]["code"]["enum"]
        assert codes
        assert {CODES[code].status for code in codes} == {status}
        for code in codes:
            example = document()["components"]["examples"][code]["value"]
            assert misfits(content["schema"], example) == []


@pytest.mark.parametrize(("path", "method", "operation"), named())
def test_every_operation_has_examples_that_fit_their_schemas(path: str, method: str, operation: Any) -> None:
    name = operation["operationId"]
    entry = operations().get(name)
    assert entry is not None, f"{name} ({method.upper()} {path}) has no entry with examples. {WHERE}"
    body = operation.get("requestBody", {}).get("content", {})
    if body:
        assert entry.request is not None, f"{name} has no example of its request. {WHERE}"
        assert misfits(body["application/json"]["schema"], entry.request) == [], name
    answers = {int(status): each for status, each in operation["responses"].items() if int(status) < 400}
    missing = sorted(set(answers) - set(entry.answers))
    assert not missing, f"{name} has no example of its answer {missing}. {WHERE}"
    surplus = sorted(set(entry.answers) - set(answers))
    assert not surplus, f"{name} has an example of {surplus}, which its schema does not name."
    for status, answer in answers.items():
        for kind, content in answer.get("content", {}).items():
            value = entry.answers[status]
            assert value is not None, f"{name} has no example of its answer {status}. {WHERE}"
            assert misfits(content["schema"], value) == [], f"{name} {status} {kind}"


def test_no_entry_is_left_of_an_operation_that_went() -> None:
    assert set(operations()) - {operation["operationId"] for _, _, operation in documented(document())} == set()


def test_operation_ids_are_unique() -> None:
    names = [operation["operationId"] for _, _, operation in documented(document())]
    assert len(names) == len(set(names))


def test_every_address_of_the_api_is_in_the_document() -> None:
    def routes(patterns: Any, prefix: str = "") -> Iterator[str]:
        for each in patterns:
            route = prefix + str(each.pattern)
            yield from routes(each.url_patterns, route) if hasattr(each, "url_patterns") else [route]

    def shape(path: str) -> str:
        return "/".join("*" if part[:1] in "<{" and part else part for part in path.strip("/").split("/"))

    served = {shape(route) for route in routes(get_resolver().url_patterns) if route.startswith(("api/", "runner/"))}
    assert served - {"api/v1/schema"} == {shape(path) for path in document()["paths"]}


def raised() -> Iterator[tuple[str, int, int | None, str | None]]:
    """File, line, status and code of every `Problem(…)` in the service's source; None for what is not a literal."""
    for path in sorted(ROOM.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Problem":
                values = [each.value if isinstance(each, ast.Constant) else None for each in node.args[:2]]
                yield path.relative_to(ROOM).as_posix(), node.lineno, *values  # type: ignore[misc]


def test_every_problem_that_the_code_raises_is_in_the_table() -> None:
    found = list(raised())
    assert len(found) > 50, "the source names hardly any problems: is the test still looking?"
    for file, line, status, code in found:
        if code is None:
            assert file in DYNAMIC | {"operations/problems.py"}, f"{file}:{line}: write the code of the problem out."
            continue
        assert code in CODES, f"{file}:{line} raises {code}: add its line to operations/problem_codes.py."
        assert status == CODES[code].status, f"{file}:{line} raises {code} with {status}, not {CODES[code].status}."


def test_no_code_is_left_that_nothing_raises() -> None:
    text = "\n".join(path.read_text() for path in ROOM.rglob("*.py") if path.name != "problem_codes.py")
    by_drf = {"method_not_allowed", "unsupported_media_type"}
    assert [code for code in CODES if f'"{code}"' not in text and code not in by_drf] == []


def test_codes_and_their_sentences_are_written_alike() -> None:
    for name, code in CODES.items():
        assert name == name.lower()
        assert " " not in name
        assert code.title[-1].isalnum(), name
        assert code.sentence.endswith("."), name


def test_a_problem_carries_its_registered_title() -> None:
    body = problem_body(Problem(409, "no_tries_left", "All 3 tries are used."))
    assert body == {
        "type": "urn:axons:problem:no_tries_left",
        "title": "No tries left",
        "status": 409,
        "code": "no_tries_left",
        "detail": "All 3 tries are used.",
    }


def test_the_page_lists_every_operation_and_code() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text == api_page(text), "docs/api.md is not what the code says. Run: make openapi"
    for _, _, operation in documented(document()):
        assert f"`{operation['operationId']}`" in text
    assert all(f"`{code}`" in text for code in CODES)
