"""A runner that was started with a token that works once: what it sends, what it does when the answer is lost or no."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import pytest

from axons_runner import cli, doctor
from axons_runner import enrolment as module
from axons_runner.agent import Agent
from axons_runner.client import ServiceClient
from axons_runner.enrolment import enrol
from axons_runner.settings import Options
from axons_runner.shutdown import Shutdown
from tests.runner.fake_service import FakeService

ABOUT = {"name": "gpu-00000001", "slots": [], "architectures": []}


@pytest.fixture
def options(service: FakeService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Options:
    """What the process makes of a cloud's environment."""
    for name in ("AXONS_POOL_TOKEN", "AXONS_POOL_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AXONS_ENROLMENT_TOKEN", "enrolment-token")
    return cli.parse(["--service", service.url, "--name", "gpu-00000001", "--cache-dir", str(tmp_path)])


def test_it_enrols_with_the_hash_of_a_token_of_its_own_and_claims_with_that(
    service: FakeService, options: Options
) -> None:
    assert enrol(options, Shutdown())
    assert service.enrolments == [hashlib.sha256(options.pool_token.encode()).hexdigest()]
    assert len(options.pool_token) >= 32
    assert "enrolment-token" not in options.pool_token
    assert ServiceClient(options.service, options.pool_token).claim(ABOUT, 0) is None


def test_two_processes_make_two_tokens(options: Options, service: FakeService, tmp_path: Path) -> None:
    other = cli.parse(["--service", service.url, "--name", "gpu-00000001", "--cache-dir", str(tmp_path)])
    assert other.pool_token != options.pool_token


def test_a_lost_answer_is_asked_for_again_with_the_same_token(
    service: FakeService, options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LONGEST_PAUSE_SECONDS", 0.01)
    service.refuse_enrolments = [(503, {}), (502, {}), (401, {})]  # the last is a proxy's, not the service's
    assert enrol(options, Shutdown())
    assert len(service.enrolments) == 4
    assert len(set(service.enrolments)) == 1


def test_who_comes_second_with_one_enrolment_token_ends_and_claims_nothing(
    service: FakeService, options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("axons_runner.agent.signal.signal", lambda *_: None)  # these are the test run's
    service.enrolments = ["f" * 64]
    assert Agent(options).run() == 1
    assert service.claims == []


def test_a_shutdown_ends_the_asking(service: FakeService, options: Options) -> None:
    service.refuse_enrolments = [(503, {})] * 100
    shutdown = Shutdown()
    threading.Timer(0.2, shutdown.begin).start()
    assert not enrol(options, shutdown)


def test_a_pools_token_needs_no_enrolment(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AXONS_POOL_TOKEN", "pool-token")
    given = cli.parse(["--service", options.service])
    assert (given.pool_token, given.enrolment_token) == ("pool-token", "")


def test_the_doctor_does_not_spend_the_token(service: FakeService, options: Options) -> None:
    assert not doctor.service(options).fix
    assert service.enrolments == []
