"""One attempt as the parent sees it: its events, its checkpoints, its artifacts, its end."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from axons_runner.cache import sha256_of
from axons_runner.client import AttemptClient
from axons_runner.errors import OUR_FAULT, FailureClass, Rejected, StopReason, Superseded, Unavailable
from axons_runner.events import EventStream
from axons_runner.shutdown import Shutdown

log = logging.getLogger(__name__)
Outcome = Literal["succeeded", "failed", "cancelled", "released"]
Answer = TypeVar("Answer")

LONGEST_PAUSE_SECONDS = 10.0
CHECKPOINT_TRIES_SECONDS = 60.0
CONTENT_TYPES = {
    ".safetensors": "application/octet-stream",
    ".onnx": "application/octet-stream",
    ".json": "application/json",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".csv": "text/csv",
    ".zip": "application/zip",
}


@dataclass
class Ending:
    """How an attempt ended, before it is told to the service."""

    outcome: Outcome
    result: dict[str, Any] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    failure: dict[str, str] | None = None

    @classmethod
    def failed(cls, failure_class: FailureClass, message: str) -> Ending:
        return cls("failed", failure={"class": failure_class, "message": message})


class Attempt:
    """Carries what the child produces to the service, and what the service decides back to the slot."""

    def __init__(self, client: AttemptClient, assignment: Mapping[str, Any], shutdown: Shutdown) -> None:
        self.client = client
        self.assignment = assignment
        self.shutdown = shutdown
        self.cancelled = threading.Event()
        self.superseded = threading.Event()
        interval = min(max(float(assignment.get("event_interval_seconds", 1)), 0.2), 2.0)
        self.stream = EventStream(client, interval, self._answered, self.superseded.set)
        self.stream.start()
        self.uploader: threading.Thread | None = None

    def handle(self, message: tuple[Any, ...]) -> Ending | None:
        """Pass on one message of the child; return the ending when it was the last."""
        kind = message[0]
        if kind == "event":
            self.stream.add(message[1], message[2])
        elif kind == "checkpoint":
            self._upload_checkpoint(Path(message[1]), message[2], message[3])
        elif kind == "done":
            return Ending("succeeded", message[1], {name: Path(path) for name, path in message[2].items()})
        elif kind == "failed":
            if message[3]:
                log.error("Job %s: %s", self.assignment["job"], message[3])
            return Ending.failed(message[1], message[2])
        elif kind == "stopped":
            return self.stopped(message[1])
        return None

    def stopped(self, reason: StopReason) -> Ending:
        """Return the ending of a job that was stopped."""
        if reason == "cancel":
            return Ending("cancelled", failure={"class": "cancelled", "message": "This job was cancelled."})
        if reason == "release":
            return Ending("released")
        minutes = float(self.assignment["time_limit_seconds"]) / 60
        return Ending.failed(
            "time_limit",
            f"The job was stopped after {minutes:g} minutes, the time limit of this exercise. "
            "Fewer epochs or fewer pictures take less time.",
        )

    def finish(self, ending: Ending) -> None:
        """Upload the artifacts, then say how it ended. Raises Superseded; Unavailable when SIGTERM leaves no time."""
        try:
            files = self._upload("artifact", ending.files) if ending.files else []
            if not self.cancelled.is_set():  # nobody will resume what was cancelled
                self._wait_for_checkpoint()
            self.stream.flush(self.shutdown.over)
            if self.cancelled.is_set() and ending.outcome == "succeeded":
                ending, files = self.stopped("cancel"), []
            self._finish(ending, files)
        except Rejected as reason:  # the service refuses what we made; say so, or it would wait for the lease
            log.error("Job %s: the service refused its end: %s", self.assignment["job"], reason)
            self._finish(Ending.failed("infrastructure", OUR_FAULT), [])

    def close(self) -> None:
        """Stop talking."""
        self.stream.stop()

    def _finish(self, ending: Ending, files: list[dict[str, Any]]) -> None:
        body = {"outcome": ending.outcome, "files": files, "result": ending.result, "failure": ending.failure}
        self._until_done(lambda: self.client.finish(body), self.shutdown.over)

    def _answered(self, answer: Mapping[str, Any]) -> None:
        if answer.get("cancel"):
            self.cancelled.set()

    def _upload_checkpoint(self, path: Path, step: int, epoch: int) -> None:
        """Upload in the background; a checkpoint that comes while one is under way is left for the next."""
        if self.uploader is not None and self.uploader.is_alive():
            if not self.shutdown.begun():
                path.unlink(missing_ok=True)
                return
            self.uploader.join()  # the last one before a release matters
        self.uploader = threading.Thread(target=self._send_checkpoint, args=(path, step, epoch), daemon=True)
        self.uploader.start()

    def _send_checkpoint(self, path: Path, step: int, epoch: int) -> None:
        deadline = time.monotonic() + CHECKPOINT_TRIES_SECONDS
        try:
            (file,) = self._upload(
                "checkpoint", {path.name: path}, lambda: self.shutdown.over() or time.monotonic() > deadline
            )
            body = {"step": step, "epoch": epoch, **file}
            self._until_done(lambda: self.client.checkpoint(body), self.shutdown.over)
        except (Unavailable, Rejected, Superseded, FileNotFoundError) as reason:  # the last: its attempt is over
            log.warning("Job %s: a checkpoint was not kept: %s", self.assignment["job"], reason)
        finally:
            path.unlink(missing_ok=True)

    def _wait_for_checkpoint(self) -> None:
        if self.uploader is not None:
            while self.uploader.is_alive() and not self.shutdown.over():
                self.uploader.join(0.1)

    def _upload(
        self, purpose: str, paths: Mapping[str, Path], give_up: Callable[[], bool] | None = None
    ) -> list[dict[str, Any]]:
        """Put these files into the object store and return [{"name", "key", "sha256", "bytes"}]."""
        described = {name: _describe(name, path) for name, path in paths.items()}
        left, kept = dict(described), []

        def once() -> None:
            places = {place["name"]: place for place in self.client.uploads(purpose, list(left.values()))}
            for name in list(left):
                self.client.put(places[name], paths[name])
                file = left.pop(name)
                kept.append({"name": name, "key": places[name]["key"]} | {k: file[k] for k in ("sha256", "bytes")})

        self._until_done(once, give_up or self.shutdown.over)
        return kept

    def _until_done(self, request: Callable[[], Answer], give_up: Callable[[], bool]) -> Answer:
        """Repeat an idempotent request until answered. Raises Superseded, Rejected, or Unavailable on giving up."""
        pause = 0.25
        while True:
            if self.superseded.is_set():
                raise Superseded("another attempt has the job")
            try:
                return request()
            except Unavailable as reason:
                if give_up():
                    raise
                log.warning("Job %s: %s Next try in %.1f s.", self.assignment["job"], reason, pause)
                deadline = time.monotonic() + pause
                while time.monotonic() < deadline and not give_up() and not self.superseded.is_set():
                    time.sleep(0.05)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)


def _describe(name: str, path: Path) -> dict[str, Any]:
    kind = CONTENT_TYPES.get(path.suffix, "application/octet-stream")
    return {"name": name, "bytes": path.stat().st_size, "sha256": sha256_of(path), "content_type": kind}
