"""A runner dies in the middle of a training: the learner loses a little time and nothing else."""

import os
import signal
import sqlite3
from typing import Any

import psutil
import pytest

from axons_demo.check.client import Exercise, Person
from axons_demo.check.watch import until
from tests.support.running_demo import RunningDemo

pytestmark = [pytest.mark.slow, pytest.mark.needs_s3, pytest.mark.timeout(900)]


def runner_processes(demo: RunningDemo) -> list[psutil.Process]:
    """The runner's agent process of this demo (not its slots' children), found from outside by its command line."""
    token = str(demo.plan.home.keys / "pool_token")
    found = [process for process in psutil.process_iter() if token in _command(process)]
    return [process for process in found if process.ppid() not in {other.pid for other in found}]


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def newest_checkpoint(demo: RunningDemo, job: str) -> tuple[int, int] | None:
    """(attempt, step) of the job's newest checkpoint, read from the service's database itself."""
    with sqlite3.connect(f"file:{demo.plan.home.service / 'service.sqlite3'}?mode=ro", uri=True) as database:
        row = database.execute(
            "SELECT attempt, step FROM axons_jobs_checkpoint WHERE job_id = ? ORDER BY attempt DESC, step DESC",
            [job.replace("-", "")],
        ).fetchone()
    return (int(row[0]), int(row[1])) if row else None


def events_of(exercise: Exercise, project: str, job: str) -> list[dict[str, Any]]:
    """All events of a job so far, in their order."""
    found: list[dict[str, Any]] = []
    cursor = 0
    while True:
        page = exercise.read(f"/projects/{project}/events", after=cursor)
        found += [event for event in page["events"] if event["job"] == job]
        if page["cursor"] == cursor:
            return found
        cursor = page["cursor"]


def test_a_training_whose_runner_is_killed_goes_on_from_its_checkpoint_and_costs_no_try(demo: RunningDemo) -> None:
    exercise = Person(demo.url, "ada").exercise("everyday_objects")
    before = exercise.call("open")["project"]
    defaults = {name: bounds["default"] for name, bounds in before["spec"]["hyperparameters"].items()}
    values = {**defaults, "architecture": "small_cnn", "epochs": 3}
    created = exercise.change(
        "job_create",
        {"kind": "training", "training_set": before["starter_set"]["id"], "hyperparameters": values},
    )
    job = created["id"]
    first = until("the first checkpoint", lambda: newest_checkpoint(demo, job), 240, 0.1)
    assert first[0] == 1
    agents = runner_processes(demo)
    assert len(agents) == 1, f"one warm runner was expected, found {agents}"
    os.kill(agents[0].pid, signal.SIGKILL)
    known = newest_checkpoint(demo, job)
    assert known is not None

    def ended() -> Any:
        seen = exercise.read(f"/jobs/{job}")
        return seen if seen["state"] in ("succeeded", "failed", "cancelled") else None

    finished = until("the end of the training", ended, 600)

    assert finished["state"] == "succeeded", finished["failure"]
    assert finished["attempt"] == 2
    steps = [
        event["data"]["step"]
        for event in events_of(exercise, before["id"], job)
        if event["attempt"] == 2 and event["kind"] == "metrics"
    ]
    assert steps, "the second attempt reported no metrics"
    assert min(steps) > known[1], "the second attempt began before the checkpoint that the first had left"
    assert exercise.call("open")["project"]["tries"] == before["tries"]
    assert not psutil.pid_exists(agents[0].pid) or agents[0].status() == psutil.STATUS_ZOMBIE
