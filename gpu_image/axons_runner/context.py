"""What a task sees of the world around it: where to report, when to save, whether to stop. Imports no torch."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from axons_runner.errors import Stopped, StopReason

CHECKPOINT_SECONDS = 60.0
CHECKPOINT_GAP_SECONDS = 1.0  # epochs shorter than this share a checkpoint
PROGRESS_SECONDS = 0.25
METRICS_SECONDS = 0.9


class Reporter(Protocol):
    """The way out of a task; the worker sends to its parent, the command line prints."""

    def event(self, kind: str, data: Mapping[str, Any]) -> None:
        """Report one event of the contract: progress, metrics or log."""

    def checkpoint(self, path: Path, step: int, epoch: int) -> None:
        """Hand over a finished checkpoint file."""

    def stop_reason(self) -> StopReason | None:
        """Return why the task should stop, or None."""


class Every:
    """Says yes at most once in ``seconds``; the first time at once."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.last = float("-inf")

    def __call__(self) -> bool:
        now = time.monotonic()
        if now - self.last < self.seconds:
            return False
        self.last = now
        return True


@dataclass
class Context:
    """One job's reporter, folder and clocks."""

    reporter: Reporter
    work_dir: Path
    last_checkpoint: float = field(default_factory=time.monotonic)
    progress_clock: Every = field(default_factory=lambda: Every(PROGRESS_SECONDS))
    metrics_clock: Every = field(default_factory=lambda: Every(METRICS_SECONDS))

    def progress(self, phase: str, done: float, total: float, unit: str, message: str | None = None) -> None:
        """Report progress; a phase's begin and end always, what lies between at most four times a second."""
        if self.progress_clock() or done in (0, total):
            data = {"phase": phase, "done": done, "total": total, "unit": unit}
            self.reporter.event("progress", data | ({"message": message} if message else {}))

    def metrics(self, **data: Any) -> None:
        """Report one row of metrics: step, epoch, split, loss, accuracy and what else the contract names."""
        self.reporter.event("metrics", data)

    def log(self, text: str) -> None:
        """Report a line for the job's log."""
        self.reporter.event("log", {"text": text})

    def check(self) -> None:
        """Raise Stopped when the job was asked to stop and there is nothing worth saving yet."""
        reason = self.reporter.stop_reason()
        if reason is not None:
            raise Stopped(reason)

    def after_step(self, save: Callable[[Path], tuple[int, int]], *, epoch_end: bool = False) -> None:
        """Save a checkpoint when one is due (epoch's end, 60 s, release) and raise Stopped when asked to.

        ``save(path)`` writes the file and returns (step, epoch).
        """
        reason = self.reporter.stop_reason()
        age = time.monotonic() - self.last_checkpoint
        due = age >= CHECKPOINT_SECONDS or (epoch_end and age >= CHECKPOINT_GAP_SECONDS)
        if due or reason == "release":
            path = self.work_dir / f"checkpoint-{time.monotonic_ns()}.safetensors"
            step, epoch = save(path)
            self.reporter.checkpoint(path, step, epoch)
            self.last_checkpoint = time.monotonic()
        if reason is not None:
            raise Stopped(reason)
