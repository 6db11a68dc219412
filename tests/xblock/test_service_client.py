"""Requests to the service: signed, never redirected, and every failure a sentence."""

from __future__ import annotations

import socket
import time
from typing import Any

import pytest

from axons_xblock.config import Config
from axons_xblock.errors import Problem
from axons_xblock.service import UNAVAILABLE, ServiceClient
from axons_xblock.tokens import Identity
from tests.xblock.support import SITE, TrainingService, settings

IDENTITY = Identity(
    learner="a" * 32, course="course-v1:A+B+C", usage="block-v1:A+B+C+type@axons+block@d", role="learner"
)


def client(url: str, **more: Any) -> ServiceClient:
    return ServiceClient(Config.from_settings(settings(url, **more)), IDENTITY)


def refusal(service: TrainingService, status: int, body: Any) -> Problem:
    service.answer("GET", "/api/v1/jobs/1", body, status)
    with pytest.raises(Problem) as caught:
        client(service.url).get("/jobs/1")
    return caught.value


def test_a_request_says_who_asks_from_where_and_for_how_long(service: TrainingService) -> None:
    service.answer("POST", "/api/v1/jobs", {"id": "1"}, 201)

    assert client(service.url).post("/jobs", {"kind": "training"}, idempotency_key="k-1") == {"id": "1"}

    (request,) = service.received
    assert request.claims["iss"] == SITE
    assert request.claims["sub"] == IDENTITY.learner
    assert {name: request.claims[name] for name in ("course", "usage", "role")} == {
        "course": IDENTITY.course,
        "usage": IDENTITY.usage,
        "role": "learner",
    }
    assert request.claims["exp"] - request.claims["iat"] == 60
    assert abs(request.claims["iat"] - time.time()) < 10
    assert (request.kid, request.idempotency_key, request.body) == ("lms-1", "k-1", {"kind": "training"})


def test_every_request_has_a_jti_of_its_own(service: TrainingService) -> None:
    service.answer("GET", "/api/v1/jobs/1", {})
    same = client(service.url)

    same.get("/jobs/1")
    same.get("/jobs/1")

    assert len({request.claims["jti"] for request in service.received}) == 2


def test_no_name_and_no_address_reaches_the_service(service: TrainingService) -> None:
    service.answer("GET", "/api/v1/jobs/1", {})
    client(service.url).get("/jobs/1")

    whom_and_where = {"sub", "course", "usage", "role", "closes", "results_from"}
    assert set(service.received[0].claims) == {"iss", "aud", "iat", "exp", "jti"} | whom_and_where


def test_a_query_is_escaped(service: TrainingService) -> None:
    service.answer("GET", "/api/v1/training-sets/1/images", {"images": []})
    client(service.url).get("/training-sets/1/images", {"label": "a&b=c/é"})

    assert service.received[0].path == "/api/v1/training-sets/1/images?label=a%26b%3Dc%2F%C3%A9"


def test_a_service_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(Problem) as caught:
        client("http://127.0.0.1:9").get("/jobs/1")

    assert (caught.value.status, caught.value.code, caught.value.message) == (503, "service_unavailable", UNAVAILABLE)


def test_a_service_that_is_slow_is_unavailable() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        started = time.monotonic()
        with pytest.raises(Problem) as caught:
            client(f"http://127.0.0.1:{silent.getsockname()[1]}", TIMEOUT_SECONDS=0.3).get("/jobs/1")

    assert caught.value.code == "service_unavailable"
    assert time.monotonic() - started < 3


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_proxy_without_a_service_behind_it_is_unavailable(service: TrainingService, status: int) -> None:
    assert refusal(service, status, b"<h1>Bad gateway</h1>").code == "service_unavailable"


def test_the_services_own_sentence_reaches_the_reader(service: TrainingService) -> None:
    sentence = "Learning rate must be between 0.0001 and 0.1. You asked for 5."
    fields = [{"field": "hyperparameters.learning_rate", "message": sentence}]
    answer = {"title": "No", "status": 422, "code": "hyperparameter_out_of_range", "detail": sentence, "errors": fields}

    problem = refusal(service, 422, answer)

    assert problem.status == 422
    assert problem.as_json() == {
        "error": {"code": "hyperparameter_out_of_range", "message": sentence, "errors": fields}
    }


def test_a_sentence_with_braces_is_left_alone(service: TrainingService) -> None:
    assert refusal(service, 422, {"detail": "Not {json}.", "code": "x"}).sentence() == "Not {json}."


def test_a_refused_signature_is_not_the_readers_log_in(service: TrainingService) -> None:
    problem = refusal(service, 401, {"detail": "Unknown key.", "code": "unknown_key"})

    assert (problem.status, problem.code) == (502, "site_refused")


@pytest.mark.parametrize(("status", "body"), [(500, {"detail": "Traceback"}), (404, b"<h1>?</h1>"), (200, b"<html>")])
def test_what_is_no_answer_of_the_service_is_our_fault(service: TrainingService, status: int, body: Any) -> None:
    problem = refusal(service, status, body)

    assert (problem.status, problem.code) == (502, "service_error")
    assert "Traceback" not in problem.message


def test_a_redirect_does_not_carry_the_signature_elsewhere(service: TrainingService) -> None:
    service.answer("GET", "/api/v1/elsewhere", {"stolen": True})

    assert refusal(service, 302, {}).code == "service_error"
    assert [request.path for request in service.received] == ["/api/v1/jobs/1"]


@pytest.mark.parametrize("name", ["SERVICE_URL", "SITE", "KEY_ID", "PRIVATE_KEY", "SERVICE_PUBLIC_KEY"])
def test_a_missing_setting_is_named(name: str) -> None:
    with pytest.raises(Problem) as caught:
        Config.from_settings({**settings(), name: ""})

    assert caught.value.code == "not_configured"
    assert f"fill {name} in" in caught.value.sentence()


def test_secrets_are_not_in_a_configurations_repr() -> None:
    assert "PRIVATE" not in repr(Config.from_settings(settings()))
