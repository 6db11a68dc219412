"""Trainings through a real runner process: claimed over HTTP, its events timed as they arrive."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.runner.conftest import Agents
from tests.runner.fake_service import Answer, FakeService
from tests.runner.synthetic import Pack, assignment


class TimedService(FakeService):
    """Remembers when it handed out the last job, and when each event came in."""

    def reset(self) -> None:
        super().reset()
        self.handed_out = 0.0
        self.came: list[tuple[float, dict[str, Any]]] = []

    def _claim(self, token: str, body: dict[str, Any]) -> Answer:
        status, answer = super()._claim(token, body)
        if status == 200:
            self.handed_out = time.monotonic()
        return status, answer

    def _events(self, job: str, body: dict[str, Any]) -> Answer:
        self.came += [(time.monotonic(), event) for event in body["events"]]
        return super()._events(job, body)


@dataclass
class Training:
    """Seconds from the claim, which comes ``started`` seconds after the process's start where that was waited for."""

    first_validation: float
    at_target: float | None
    succeeded: float
    accuracy: float
    started: float

    @property
    def from_start(self) -> Training:
        """The same, in seconds from the process's start."""
        later = None if self.at_target is None else self.at_target + self.started
        return Training(
            self.first_validation + self.started, later, self.succeeded + self.started, self.accuracy, self.started
        )


class Runner:
    """A runner with a cache of its own."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.service = TimedService()
        self.service.server.handle_error = lambda *_: None  # a runner that is ended breaks its long poll
        self.agents = Agents(self.service, folder, folder / "cache")

    def warm(self) -> None:
        """Start it and wait until it claims."""
        self.service.reset()
        self.agents.get("training")

    def train(self, pack: Pack, target: float, *, cold: bool = False, **hyperparameters: Any) -> Training:
        """Train a frozen EfficientNet-Lite0; ``cold`` ends the process before and offers the job to a new one."""
        self.service.reset()
        settings = {
            "architecture": "efficientnet_lite0", "epochs": 15, "learning_rate": 0.003, "batch_size": 32,
            "augmentation": False, "seed": 0, **hyperparameters,
        }  # fmt: skip
        if cold:
            self.agents.kill()
        self.service.offer(assignment(self.service, pack, hyperparameters=settings, event_interval_seconds=1.0))
        offered = time.monotonic()
        if cold:
            self.agents.get("training")
        self.service.wait_for(lambda: self.service.finished, 1800)
        ended = time.monotonic()
        began = self.service.handed_out
        outcome = self.service.finished[0]
        if outcome["outcome"] != "succeeded":
            raise SystemExit(f"A training of the benchmark failed: {outcome['failure']}")
        rows = [
            (at - began, event["data"])
            for at, event in self.service.came
            if event["kind"] == "metrics" and event["data"]["split"] == "validation"
        ]
        # only rows of all held-back photographs count
        held_back = sum(image["split"] == "validation" for image in pack.manifest["images"])
        whole = [(at, row) for at, row in rows if row["count"] == held_back]
        reached = next((at for at, row in whole if row["accuracy"] >= target), None)
        return Training(rows[0][0], reached, ended - began, whole[-1][1]["accuracy"], began - offered)

    def close(self) -> None:
        self.agents.kill()
        self.service.close()
