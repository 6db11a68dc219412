"""The emulator of OVHcloud AI Training with real machines: each job is a process of this machine, by the real clock.

A job's "container" is the chaos test's runner, configured by nothing but what the provider put into the job. The
emulator of the conformance suite answers the API; here it gets bad days at random, and a ledger of its own: how long
each process really ran, on a clock that neither the service nor the API knows.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.conformance.ovh_cloud import ENDED, Fault, Job, OvhCloud
from tests.faults.chaos.machines import Machine

TICK_SECONDS = 0.1
USUAL_START = (0.5, 2.0)
SLOW_START = (5.0, 9.0)
KILL_AFTER = 12.0  # a container that does not end by itself
BAD_DAYS = 0.06  # share of requests that are answered with an error
STATUSES = (409, 429, 429, 500, 503)
RUNNER = (sys.executable, "-m", "tests.faults.chaos.runner")


@dataclass
class Container:
    """The process of a job, with the stop-watch of its own."""

    starts_at: float  # of the monotonic clock, as all its times
    process: subprocess.Popen[bytes] | None = None
    began: float | None = None
    ended: float | None = None
    interrupted: bool = False
    killed_at: float | None = None

    @property
    def seconds(self) -> float:
        if self.began is None:
            return 0.0
        return (self.ended if self.ended is not None else time.monotonic()) - self.began

    def watch(self) -> None:
        """Wait for the end, in a thread: it is timed at once, however busy everybody else is."""
        assert self.process is not None
        self.process.wait()
        self.ended = time.monotonic()

    def signal(self, number: signal.Signals) -> None:
        """To the whole process group."""
        if self.process is not None and self.ended is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)


@dataclass
class Mood:
    """What goes wrong now; windows are times of the monotonic clock until which something holds."""

    calm: bool = False
    refusing_until: float = 0.0
    slow_until: float = 0.0
    stillborn: int = 0  # so many of the next jobs never start
    counts: dict[str, int] = field(default_factory=dict)

    def count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1


class Cloud(OvhCloud):
    """`machines` is the ledger, `mood` is what actions change, `close` ends it with every machine."""

    def __init__(self, folder: Path, environment: Mapping[str, str], rng: random.Random) -> None:
        self.folder = folder
        self.environment = dict(environment)
        self.mood = Mood()
        self._rng = rng
        self._containers: dict[str, Container] = {}
        self._over = threading.Event()
        super().__init__()
        self.now = datetime.now(tz=UTC)
        self._clock = threading.Thread(target=self._pass, daemon=True)
        self._clock.start()

    def close(self) -> None:
        """End the cloud and kill what it runs."""
        self._over.set()
        self._clock.join(10)
        super().close()
        for container in self._containers.values():
            container.signal(signal.SIGKILL)
            if container.process is not None:
                container.process.wait(timeout=30)

    def machines(self) -> list[Machine]:
        """The ledger: every job that there ever was."""
        with self._lock:
            return [
                Machine(job.id, self._name(job), self._containers[job.id].seconds, job.state not in ENDED)
                for job in self.jobs.values()
            ]

    def running(self) -> list[tuple[str, Container]]:
        """Runners' names and the containers whose process runs and was not asked to end."""
        with self._lock:
            return [(self._name(job), self._containers[job.id]) for job in self.jobs.values() if job.state == "RUNNING"]

    def interrupt(self, container: Container) -> None:
        """The machine is taken away: nobody gets a last word."""
        container.interrupted = True
        container.signal(signal.SIGKILL)

    def _name(self, job: Job) -> str:
        return str(job.spec["labels"]["axons-runner"])

    def _pass(self) -> None:
        while not self._over.wait(TICK_SECONDS):
            with self._lock:
                self.now = datetime.now(tz=UTC)
                for job in self.jobs.values():
                    self._advance(job)

    def _create(self, spec: dict[str, Any]) -> tuple[int, Any]:
        self.now = datetime.now(tz=UTC)
        status, answer = super()._create(spec)
        if status == 200:
            now = time.monotonic()
            usual = self.mood.calm or now > self.mood.slow_until
            container = Container(now + self._rng.uniform(*(USUAL_START if usual else SLOW_START)))
            self._containers[answer["id"]] = container
            self.mood.count("slow starts" if not usual else "usual starts")
            if self.mood.stillborn and not self.mood.calm:
                self.mood.stillborn -= 1
                self.mood.count("machines that never started")
                container.starts_at = float("inf")
        elif "Quota" in str(answer):
            self.mood.count("quota errors")
        return status, answer

    def _advance(self, job: Job) -> None:
        """From waiting to a process, and from the process's end to that of the job."""
        container = self._containers[job.id]
        now = time.monotonic()
        if job.state in ENDED:
            return
        if container.process is None:
            if job.killed_at is not None:
                job.state = "INTERRUPTED"
            elif now >= container.starts_at:
                self._launch(job, container)
            elif self.now - job.created_at > timedelta(seconds=0.3):
                job.state = "INITIALIZING"
            return
        if container.ended is not None:
            container.process.poll()
            self._finish(job, container)
        elif job.killed_at is not None and container.killed_at is None:
            container.killed_at = now
            container.signal(signal.SIGCONT)
            container.signal(signal.SIGTERM)
        elif container.killed_at is not None and now - container.killed_at > KILL_AFTER:
            container.signal(signal.SIGKILL)

    def _launch(self, job: Job, container: Container) -> None:
        given = {item["name"]: item["value"] for item in job.spec["envVars"]}
        name = self._name(job)
        environment = {**self.environment, "AXONS_CACHE_DIR": str(self.folder / job.id), **given}
        with (self.folder / f"{name}.log").open("ab") as log:
            container.process = subprocess.Popen(
                RUNNER,
                env=environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        container.began = time.monotonic()
        job.state, job.started_at = "RUNNING", datetime.now(tz=UTC)
        threading.Thread(target=container.watch, daemon=True).start()

    def _finish(self, job: Job, container: Container) -> None:
        assert container.process is not None
        with contextlib.suppress(ProcessLookupError):  # a container's end is that of everything in it
            os.killpg(container.process.pid, signal.SIGKILL)
        if job.killed_at is not None or container.interrupted:
            job.state = "INTERRUPTED"
        else:
            job.state = "DONE" if container.process.returncode == 0 else "FAILED"
        job.stopped_at = datetime.now(tz=UTC)

    def _fault(self, method: str) -> Fault | None:
        """A bad day at random: refused before anything was done, or the work done and the answer an error."""
        refusing = time.monotonic() < self.mood.refusing_until
        if self.mood.calm or self._rng.random() > (0.6 if refusing else BAD_DAYS):
            return None
        if self._rng.random() < 0.3:
            self.mood.count("gateway time-outs after the work was done")
            return Fault(504, after=True)
        status = self._rng.choice(STATUSES)
        self.mood.count(f"answers {status}")
        return Fault(status, headers={"Retry-After": "1"} if status == 429 else {})


def say_mood(cloud: Cloud) -> str:
    """One line for the report."""
    return ", ".join(f"{name} {count}" for name, count in sorted(cloud.mood.counts.items())) or "nothing"
