"""Errors, CORS, health and housekeeping, as a caller notices them."""

from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from django.db import InterfaceError, OperationalError
from django.test import Client
from django.utils import timezone
from rest_framework.exceptions import ValidationError

from axons_service.exercises import state
from axons_service.operations.problems import problem_handler
from axons_service.operations.tasks import sweep
from axons_service.sites.models import UsedToken
from tests.service import builders
from tests.service.builders import Caller, Lms


def test_field_errors_keep_their_path() -> None:
    error = ValidationError({"files": [{}, {"name": ["This field is required."]}], "non_field_errors": ["No."]})
    response = problem_handler(error, {})
    assert response is not None
    assert response.data["errors"] == [
        {"field": "files.1.name", "message": "This field is required."},
        {"field": "", "message": "No."},
    ]
    assert response.data["code"] == "invalid_request"


@pytest.mark.django_db
def test_an_unknown_address_is_a_problem_too(client: Client) -> None:
    response = client.get("/api/v1/nothing-here")
    assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert response["Content-Type"] == "application/problem+json"


@pytest.mark.django_db
def test_a_fault_of_ours_tells_nothing_but_that(course: Lms, anna: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(state, "project_state", broken)
    anna.client.raise_request_exception = False
    response = anna.open()
    assert (response.status_code, response.json()["code"]) == (500, "internal_error")
    assert "secret detail" not in response.content.decode()
    assert response.json()["detail"].startswith("Something went wrong on our side.")


def store_answers(status: int) -> ClientError:
    return ClientError({"Error": {}, "ResponseMetadata": {"HTTPStatusCode": status}}, "HeadObject")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "error",
    [
        OperationalError("server closed the connection unexpectedly"),
        InterfaceError("the connection is closed"),
        EndpointConnectionError(endpoint_url="http://store"),
        store_answers(503),
    ],
    ids=["database restarts", "session cut", "store away", "store refuses"],
)
def test_a_database_or_store_that_is_away_asks_for_patience(
    course: Lms, anna: Caller, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def away(*args: Any) -> None:
        raise error

    monkeypatch.setattr(state, "project_state", away)
    response = anna.open()
    assert (response.status_code, response.json()["code"]) == (503, "service_unavailable")
    assert response["Retry-After"] == "5"
    assert "Your work is safe" in response.json()["detail"]
    assert "store" not in response.content.decode()


def test_a_store_that_refuses_for_good_is_no_outage() -> None:
    assert problem_handler(store_answers(403), {}) is None


@pytest.mark.django_db
def test_a_body_that_is_not_json_or_too_large_is_refused(course: Lms, anna: Caller) -> None:
    def send(body: bytes) -> Any:
        headers = {"Authorization": f"Bearer {anna.token()}"}
        return anna.client.post("/api/v1/projects/open", body, content_type="application/json", headers=headers)

    assert (send(b"{").status_code, send(b'{"spec": NaN}').status_code) == (400, 400)
    assert send(b'{"spec": "' + b"x" * 1024 * 1024 + b'"}').status_code == 413


@pytest.mark.django_db
@pytest.mark.parametrize(
    "body",
    [
        b'{"spec": {"a": "\\u0000"}}',
        b'{"spec": {"a\\ud800": 1}}',
        b'{"spec": {"a": 1e999}}',
        b'{"spec": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
        b'{"spec": {"a": ' + b"9" * 5000 + b"}}",
        b"\xff\xfe",
    ],
    ids=["nul", "surrogate", "infinite", "deep", "long number", "not utf-8"],
)
def test_json_that_no_database_can_keep_is_refused_with_a_sentence(course: Lms, anna: Caller, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {anna.token()}"}
    answer = anna.client.post("/api/v1/projects/open", body, content_type="application/json", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "body_malformed")
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.django_db
def test_whatever_a_client_accepts_it_gets_json(course: Lms, anna: Caller) -> None:
    headers = {"Authorization": f"Bearer {anna.token()}", "Accept": "text/html"}
    assert anna.client.get("/api/v1/submissions", headers=headers)["Content-Type"] == "application/problem+json"


@pytest.mark.django_db
def test_a_host_that_is_not_ours_is_a_problem_too(client: Client) -> None:
    response = client.get("/api/v1/library", headers={"Host": "evil.example.org"})
    assert (response.status_code, response.json()["code"]) == (400, "bad_request")


def preflight(client: Client, origin: str, path: str = "/api/v1/library") -> Any:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization",
    }
    return client.options(path, headers=headers)


@pytest.mark.django_db
@pytest.mark.parametrize("origin", ["https://lms.example.org", "https://studio.example.org"])
def test_browsers_of_the_settings_and_of_registered_sites_may_read(client: Client, campus: Lms, origin: str) -> None:
    response = preflight(client, origin)
    assert response["Access-Control-Allow-Origin"] == origin
    assert "POST" not in response["Access-Control-Allow-Methods"]
    assert "Access-Control-Allow-Credentials" not in response
    assert client.get("/api/v1/library", headers={"Origin": origin})["Access-Control-Allow-Origin"] == origin


@pytest.mark.django_db
@pytest.mark.parametrize("origin", ["https://evil.example.org", "https://lms.example.org.evil.org", "null"])
def test_other_origins_are_not_let_in(client: Client, campus: Lms, origin: str) -> None:
    assert "Access-Control-Allow-Origin" not in preflight(client, origin)


@pytest.mark.django_db
def test_nothing_outside_the_api_is_open_to_other_origins(client: Client, campus: Lms) -> None:
    for path in ("/admin/", "/health/live"):
        assert "Access-Control-Allow-Origin" not in preflight(client, "https://lms.example.org", path)


def test_the_process_says_that_it_lives(client: Client) -> None:
    assert client.get("/health/live").json() == {"status": "ok"}


@pytest.mark.django_db
def test_without_an_object_store_the_service_is_not_ready(client: Client) -> None:
    response = client.get("/health/ready")
    assert response.status_code == 503
    assert response.json() == {"status": "unavailable", "database": "ok", "object_store": "no answer"}


@pytest.mark.django_db
@pytest.mark.needs_s3
def test_with_everything_there_it_is_ready(client: Client, store: Any) -> None:
    assert client.get("/health/ready").json() == {"status": "ok", "database": "ok", "object_store": "ok"}


@pytest.mark.django_db
def test_spent_tokens_are_forgotten_once_nobody_could_use_them(campus: Lms) -> None:
    now = timezone.now()
    for number, expires in enumerate([now - timedelta(seconds=1), now + timedelta(seconds=30)]):
        UsedToken.objects.create(site=campus.site, jti=f"token-{number}", expires_at=expires)
    sweep()
    assert [token.jti for token in UsedToken.objects.all()] == ["token-1"]


@pytest.mark.django_db
def test_log_lines_name_no_learner(course: Lms, anna: Caller, caplog: pytest.LogCaptureFixture) -> None:
    anna.open()
    Caller(course, learner="a-very-private-id").get("/submissions", usage=builders.USAGE)
    assert "a-very-private-id" not in caplog.text
