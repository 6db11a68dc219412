"""The cloud with real machines, which judges the bills: its own ledger is right, and its bad days are what they say."""

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from tests.conformance.ovh_cloud import TOKEN
from tests.faults.chaos import cloud as module
from tests.faults.chaos.cloud import Cloud
from tests.faults.chaos.machines import Machine


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """Containers that sleep; they start at once."""
    monkeypatch.setattr(module, "RUNNER", ("sleep", "60"))
    monkeypatch.setattr(module, "USUAL_START", (0.0, 0.0))
    monkeypatch.setattr(module, "KILL_AFTER", 1.0)
    cloud = Cloud(tmp_path, {"PATH": "/usr/bin:/bin"}, random.Random(1))
    cloud.mood.calm = True
    yield cloud
    cloud.close()


def ask(cloud: Cloud, method: str, path: str = "", **rest: Any) -> requests.Response:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    return requests.request(method, f"{cloud.url}/v1/job{path}", headers=headers, timeout=10, **rest)


def create(cloud: Cloud, name: str = "gpu-1") -> str:
    spec = {"image": "x", "envVars": [], "labels": {"axons-pool": "gpu", "axons-runner": name}}
    return str(ask(cloud, "POST", json=spec).json()["id"])


def until(found: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 10
    while not (value := found()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return value


def machine(cloud: Cloud, job: str) -> Machine:
    return next(each for each in cloud.machines() if each.id == job)


def state(cloud: Cloud, job: str) -> str:
    return str(ask(cloud, "GET", f"/{job}").json()["status"]["state"])


def test_a_machine_is_a_process_and_its_seconds_are_those_of_the_process(cloud: Cloud) -> None:
    job = create(cloud)
    ((name, container),) = until(cloud.running)
    assert name == "gpu-1"
    assert psutil.Process(container.process.pid).cmdline() == ["sleep", "60"]
    time.sleep(0.5)
    assert machine(cloud, job).is_alive
    assert ask(cloud, "PUT", f"/{job}/kill").status_code == 204
    until(lambda: state(cloud, job) == "INTERRUPTED")
    seconds = machine(cloud, job).seconds
    assert 0.5 <= seconds < 2
    assert not machine(cloud, job).is_alive
    assert not psutil.pid_exists(container.process.pid)
    time.sleep(0.2)
    assert machine(cloud, job).seconds == seconds
    told = ask(cloud, "GET", f"/{job}").json()["status"]
    assert told["startedAt"] < told["stoppedAt"]


def test_a_container_that_does_not_listen_is_ended(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RUNNER", ("sh", "-c", "trap '' TERM; sleep 60 & wait; wait"))
    job = create(cloud)
    ((_, container),) = until(cloud.running)
    children = until(lambda: psutil.Process(container.process.pid).children())
    ask(cloud, "PUT", f"/{job}/kill")
    until(lambda: state(cloud, job) == "INTERRUPTED")
    _, alive = psutil.wait_procs(children, timeout=5)
    assert alive == []


def test_a_machine_that_is_taken_away_and_one_that_ends_by_itself_are_told_apart(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = create(cloud)
    ((_, container),) = until(cloud.running)
    cloud.interrupt(container)
    until(lambda: state(cloud, first) == "INTERRUPTED")
    for program, ends in ((("true",), "DONE"), (("false",), "FAILED")):
        monkeypatch.setattr(module, "RUNNER", program)
        job = create(cloud)
        until(lambda job=job, ends=ends: state(cloud, job) == ends)


def test_a_stillborn_machine_never_runs_and_can_be_given_back(cloud: Cloud) -> None:
    cloud.mood.calm = False
    cloud.mood.stillborn = 1
    spec = {"image": "x", "envVars": [], "labels": {"axons-pool": "gpu", "axons-runner": "gpu-1"}}
    cloud._create(spec)
    cloud.mood.calm = True
    (job,) = cloud.jobs
    time.sleep(0.6)
    assert state(cloud, job) == "INITIALIZING"
    ask(cloud, "PUT", f"/{job}/kill")
    until(lambda: state(cloud, job) == "INTERRUPTED")
    assert machine(cloud, job) == Machine(job, "gpu-1", 0.0, is_alive=False)


def test_bad_days_come_at_random_and_end_with_the_calm(cloud: Cloud) -> None:
    cloud.mood.calm = False
    cloud.mood.refusing_until = time.monotonic() + 60
    statuses = [ask(cloud, "GET", "/none").status_code for _ in range(40)]
    assert set(statuses) > {404}
    assert set(statuses) <= {404, 409, 429, 500, 503, 504}
    assert sum(cloud.mood.counts.values()) == sum(status != 404 for status in statuses)
    cloud.mood.calm = True
    assert {ask(cloud, "GET", "/none").status_code for _ in range(20)} == {404}
