"""Untrusted pictures into plain JPEGs, through a limited subprocess that may die without harm."""

import json
import os
import queue
import selectors
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

WORKER = Path(__file__).with_name("picture_worker.py")
WALL_SECONDS = 20.0
MAX_WORKERS = 4
# A worker's limit of processor time counts its whole life: it goes before an innocent picture would reach the limit.
RETIRE_SECONDS = 60.0
WORKER_BYTES = 1024**3  # what picture_worker.py lets one process have


@dataclass(frozen=True)
class Mask:
    """The mask of a picture: read from `source`, written to `target` and, in the classes' colours, to `coloured`.

    `palette` is the colours of the values from 0 on, in hexadecimal.
    """

    name: str
    source: Path
    target: Path
    coloured: Path
    classes: tuple[str, ...]
    palette: str


@dataclass(frozen=True)
class Picture:
    """A file to convert: read from `source`, written to `target`, called `name` in sentences.

    `thumbnail` is written too when it has a path; `keep` leaves a bare JPEG as it is.
    """

    name: str
    source: Path
    target: Path
    thumbnail: Path | None = None
    keep: bool = False
    mask: Mask | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of a picture; `code` and `reason` (a sentence) are set when it was refused.

    `covers` is the class that covers most of its mask, by number; None without a mask.
    """

    picture: Picture
    width: int = 0
    height: int = 0
    dhash: str = ""
    covers: int | None = None
    code: str = ""
    reason: str = ""

    @property
    def accepted(self) -> bool:
        return not self.code


def worker_count() -> int:
    """How many pictures are decoded at once: one a core, as far as memory allows, four at most."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    affordable = int(psutil.virtual_memory().available) // WORKER_BYTES
    return max(1, min(cores, affordable, MAX_WORKERS))


class PictureWorkers:
    """Worker processes for several threads at once: each picture takes the next free one; a lost one is replaced."""

    def __init__(self, count: int, *, wall_seconds: float = WALL_SECONDS) -> None:
        self.wall_seconds = wall_seconds
        self._free: queue.SimpleQueue[_Worker | None] = queue.SimpleQueue()
        self._started: set[_Worker] = set()
        for _ in range(count):
            self._free.put(None)

    def convert(self, picture: Picture) -> Outcome:
        """What became of one picture; waits for a free worker."""
        worker = self._free.get()
        reply = None
        try:
            if worker is None:
                worker = _Worker()
                self._started.add(worker)
            reply = worker.ask(picture, self.wall_seconds)
        finally:
            if worker is not None and (reply is None or worker.seconds > RETIRE_SECONDS):
                self._started.discard(worker)
                worker.stop()
                worker = None
            self._free.put(worker)
        if reply is None:
            reason = f"{picture.name} could not be opened within the limits of time and memory."
            return Outcome(picture, code="too_heavy", reason=reason)
        if reply["ok"]:
            return Outcome(picture, reply["width"], reply["height"], reply["dhash"], reply["covers"])
        return Outcome(picture, code=reply["code"], reason=reply["reason"])

    def __enter__(self) -> "PictureWorkers":
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._started:
            worker.stop()


class _Worker:
    """One subprocess: no inherited environment, no inherited files."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.process = subprocess.Popen(
            [sys.executable, "-I", str(WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"PATH": os.defpath, "LC_ALL": "C.UTF-8", "PYTHONUTF8": "1"},
            close_fds=True,
            start_new_session=True,
        )

    def ask(self, picture: Picture, wall_seconds: float) -> dict[str, Any] | None:
        """The worker's reply; None when it died or took too long."""
        start = time.monotonic()
        try:
            return self._ask(picture, wall_seconds)
        finally:
            self.seconds += time.monotonic() - start

    def _ask(self, picture: Picture, wall_seconds: float) -> dict[str, Any] | None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        request = {
            "source": str(picture.source),
            "target": str(picture.target),
            "thumbnail": str(picture.thumbnail or ""),
            "name": picture.name,
            "keep": picture.keep,
            "mask": _mask(picture.mask),
        }
        try:
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            self.process.stdin.flush()
        except OSError:
            return None
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            if not selector.select(wall_seconds):
                return None
        line = self.process.stdout.readline()
        reply: dict[str, Any] | None = json.loads(line) if line.endswith(b"\n") else None
        return reply

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:  # what was still buffered for a dead process
                    continue


def _mask(mask: Mask | None) -> dict[str, Any] | None:
    if mask is None:
        return None
    return {name: str(value) if isinstance(value, Path) else value for name, value in vars(mask).items()}
