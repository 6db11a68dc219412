"""A cancel ends the compute, whatever the compute is doing: a real agent, a real worker process, real signals."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import psutil
import pytest

from tests.runner.conftest import Agents
from tests.runner.fake_service import FakeService
from tests.runner.synthetic import Pack, assignment, hyperparameters

pytestmark = pytest.mark.slow
LONG = {"epochs": 1000, "batch_size": 8}


def worker_of(agent: int) -> psutil.Process:
    """The process that trains: the agent's spawned child without a picture converter below it."""
    spawned = [p for p in psutil.Process(agent).children() if "spawn_main" in " ".join(p.cmdline())]
    (worker,) = [p for p in spawned if not p.children()]
    return worker


def gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_a_step_that_never_ends_is_killed_within_five_seconds_of_the_cancel(
    service: FakeService, pack: Pack, agents: Agents
) -> None:
    agent = agents.get()
    service.offer(assignment(service, pack, hyperparameters=hyperparameters(**LONG)))
    service.wait_for(lambda: service.of_kind("metrics"))
    worker = worker_of(agent.pid)
    os.kill(worker.pid, signal.SIGSTOP)  # it hears nothing any more, as in a kernel that hangs
    beats = len(service.batches)
    service.wait_for(lambda: len(service.batches) > beats + 1)  # the heartbeats go on: the service sees no fault
    service.cancel = True
    asked = time.monotonic()
    service.wait_for(lambda: gone(worker), 6)
    assert time.monotonic() - asked < 5
    finish = service.wait_for(lambda: service.finished, 5)[0]
    assert (finish["outcome"], finish["files"]) == ("cancelled", [])


def test_a_long_epoch_stops_within_five_seconds_and_its_worker_stays_warm(
    service: FakeService, pack: Pack, agents: Agents
) -> None:
    agent = agents.get()
    service.offer(assignment(service, pack, hyperparameters=hyperparameters(**LONG)))
    service.wait_for(lambda: service.of_kind("metrics"))
    worker = worker_of(agent.pid)
    service.cancel = True
    asked = time.monotonic()
    finish = service.wait_for(lambda: service.finished, 6)[0]
    assert time.monotonic() - asked < 5
    assert finish["outcome"] == "cancelled"
    assert worker_of(agent.pid).pid == worker.pid
    busy = psutil.Process(worker.pid).cpu_percent(1.0)
    assert busy < 20, f"the worker still computes: {busy} % of a core"


def test_a_cancel_does_not_wait_for_a_checkpoint_that_cannot_be_kept(
    service: FakeService, pack: Pack, agents: Agents
) -> None:
    uploads: list[Any] = []

    def no_uploads(call: str, body: dict[str, Any]) -> str | None:
        if call == "uploads":
            uploads.append(body)
            return "down"
        return None

    service.trouble = no_uploads
    agents.get()
    service.offer(assignment(service, pack, hyperparameters=hyperparameters(**LONG)))
    service.wait_for(lambda: uploads)
    service.cancel = True
    asked = time.monotonic()
    finish = service.wait_for(lambda: service.finished, 6)[0]
    assert time.monotonic() - asked < 5
    assert finish["outcome"] == "cancelled"
