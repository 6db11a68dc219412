"""Keeps the demo's programs running: starts them in order, restarts what dies, stops everything."""

from __future__ import annotations

import fcntl
import json
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

import psutil

from axons_demo.errors import DemoError
from axons_demo.home import Home
from axons_demo.processes import Program, Running, end, launch, log_tail, marked, register, registered, wait_ready

RESTARTS = 3  # of one program within WINDOW seconds; more means that it cannot run
WINDOW = 60.0
# What others depend on goes last: a runner gives its job back through the service, which needs its broker and store.
LAST = ("service", "broker", "object store")
PATIENCE = 6.0  # seconds for each of the two groups to end by itself


class Supervisor:
    """One demo in one data directory. `say` prints a line for the person at the terminal."""

    def __init__(self, home: Home, say: Callable[[str], None]) -> None:
        self.home = home
        self.say = say
        self.running: dict[str, Running] = {}
        self._lock: IO[str] | None = None

    def take(self) -> None:
        """Make this data directory ours alone. Raises DemoError when another demo uses it."""
        self.home.create()
        self._lock = self.home.lock.open("a")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._lock.close()
            self._lock = None
            where = self.remembered().get("url", str(self.home.root))
            raise DemoError(f"a demo runs on this data already ({where}). Stop it first.") from error
        leftovers = self._ours()
        if leftovers:
            self.say(f"stopping {len(leftovers)} processes that an earlier start left behind")
            end(leftovers, PATIENCE)
        self.home.pids.unlink(missing_ok=True)

    def _ours(self) -> list[psutil.Process]:
        """Every live process of this demo: those noted at their start, and those that carry its mark."""
        return list({process.pid: process for process in registered(self.home.pids) + marked(self.home.root)}.values())

    def _launch(self, program: Program, log: Path) -> subprocess.Popen[bytes]:
        process = launch(program, log)
        register(self.home.pids, process.pid)
        return process

    @property
    def owned(self) -> bool:
        """Whether this data directory is ours."""
        return self._lock is not None

    def remembered(self) -> dict[str, str]:
        """What the last start wrote down: its ports' base and its URL."""
        try:
            stored = json.loads(self.home.state.read_text())
        except (OSError, ValueError):
            return {}
        return {str(name): str(value) for name, value in stored.items()}

    def remember(self, **values: object) -> None:
        self.home.state.write_text(json.dumps(values))

    def start(self, program: Program) -> None:
        """Start a program and return when it is ready. Raises DemoError when it does not get there."""
        log = self.home.logs / f"{program.name.replace(' ', '_')}.log"
        running = Running(program, log, self._launch(program, log), [time.monotonic()])
        self.running[program.name] = running
        wait_ready(running)

    def watch(self, until: Callable[[], bool], interval: float = 0.5) -> None:
        """Look after the programs until told to stop. Raises DemoError when one cannot be kept running."""
        while not until():
            for running in list(self.running.values()):
                code = running.process.poll()
                if code is not None and not until():
                    self._restart(running, code)
            time.sleep(interval)

    def _restart(self, running: Running, code: int) -> None:
        name = running.program.name
        now = time.monotonic()
        running.starts = [moment for moment in running.starts if now - moment < WINDOW]
        if len(running.starts) > RESTARTS:
            raise DemoError(
                f"{name} ended {len(running.starts)} times within {WINDOW:.0f} s, the last time with code {code}. "
                f"Its log is {running.log}:\n{log_tail(running.log)}"
            )
        self.say(f"{name} ended with code {code}; starting it again (its log: {running.log})")
        running.starts.append(now)
        running.process = self._launch(running.program, running.log)

    def stop(self) -> None:
        """End everything that was started here, and what that started; returns when nothing is left."""
        kept = {self.running[name].process.pid for name in LAST if name in self.running}
        for keep in (kept, set[int]()):
            spared = keep | _descendants(keep)
            end([process for process in self._ours() if process.pid not in spared], PATIENCE)
        for running in self.running.values():
            running.process.wait(timeout=5)
        self.running.clear()
        shutil.rmtree(self.home.sockets, ignore_errors=True)
        if self._lock:
            self._lock.close()
            self._lock = None

    def left(self) -> list[int]:
        """Process ids of this demo: none after a stop."""
        return [process.pid for process in self._ours()]


def _descendants(pids: set[int]) -> set[int]:
    found = set()
    for pid in pids:
        try:
            found |= {child.pid for child in psutil.Process(pid).children(recursive=True)}
        except psutil.Error:
            continue
    return found
