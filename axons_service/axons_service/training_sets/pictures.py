"""Untrusted pictures into plain JPEGs, through a limited subprocess that may die without harm."""

import json
import os
import selectors
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WORKER = Path(__file__).with_name("picture_worker.py")
WALL_SECONDS = 20.0


@dataclass(frozen=True)
class Picture:
    """A file to convert: read from `source`, written to `target`, called `name` in sentences."""

    name: str
    source: Path
    target: Path
    keep: bool = False


@dataclass(frozen=True)
class Outcome:
    """What became of a picture; `code` and `reason` (a sentence) are set when it was refused."""

    picture: Picture
    width: int = 0
    height: int = 0
    code: str = ""
    reason: str = ""

    @property
    def accepted(self) -> bool:
        return not self.code


def pictures_convert(pictures: Iterable[Picture], *, wall_seconds: float = WALL_SECONDS) -> Iterator[Outcome]:
    """Convert pictures one after the other; one that kills or stalls the worker is refused and the rest goes on."""
    worker: _Worker | None = None
    try:
        for picture in pictures:
            if worker is None:
                worker = _Worker()
            reply = worker.ask(picture, wall_seconds)
            if reply is None:
                worker.stop()
                worker = None
                reason = f"{picture.name} could not be opened within the limits of time and memory."
                yield Outcome(picture, code="too_heavy", reason=reason)
            elif reply["ok"]:
                yield Outcome(picture, width=reply["width"], height=reply["height"])
            else:
                yield Outcome(picture, code=reply["code"], reason=reply["reason"])
    finally:
        if worker is not None:
            worker.stop()


class _Worker:
    """One subprocess: no inherited environment, no inherited files."""

    def __init__(self) -> None:
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
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        request = {
            "source": str(picture.source),
            "target": str(picture.target),
            "name": picture.name,
            "keep": picture.keep,
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
