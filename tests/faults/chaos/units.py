"""Programs that are killed, frozen and started again: each in a process group of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil


class UnitError(Exception):
    """A program does not start; the message says which, and where its log is."""


@dataclass
class Unit:
    """One program. `ready` is asked while it starts; `clock` is the file that moves its clock, where it has one."""

    name: str
    argv: list[str]
    environment: dict[str, str]
    directory: Path
    log: Path
    ready: Callable[[], bool] = lambda: True
    ready_seconds: float = 120.0
    clock: Path | None = None
    process: subprocess.Popen[bytes] | None = None
    held: asyncio.Lock = field(default_factory=asyncio.Lock)  # by the action that takes it down
    surprises: list[str] = field(default_factory=list)

    def launch(self) -> None:
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                self.argv,
                env=self.environment,
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    async def start(self) -> None:
        """Launch and wait until it is ready; launched again when it ends first. Raises UnitError."""
        deadline = time.monotonic() + self.ready_seconds
        self.launch()
        while time.monotonic() < deadline:
            if not self.alive:
                await asyncio.sleep(0.5)
                self.launch()
            if await asyncio.to_thread(self.ready):
                return
            await asyncio.sleep(0.2)
        tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
        raise UnitError(f"{self.name} was not ready after {self.ready_seconds:.0f} s. Its log is {self.log}:\n{tail}")

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process is not None else None

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the whole group."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)

    async def kill(self) -> None:
        """SIGKILL to the whole group, and wait until nothing of it is left."""
        await self.end(signal.SIGKILL)

    async def end(self, number: signal.Signals, patience: float = 20.0) -> None:
        """Signal the group and wait; what is left after `patience` seconds is killed."""
        members = self.members()
        self.signal(signal.SIGCONT)
        self.signal(number)
        await asyncio.to_thread(self._wait, members, patience)

    def members(self) -> list[psutil.Process]:
        """The living processes of this program's group."""
        if self.process is None:
            return []
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, ProcessLookupError):
                if os.getpgid(process.pid) == self.process.pid and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def _wait(self, members: list[psutil.Process], patience: float) -> None:
        _, alive = psutil.wait_procs(members, timeout=patience)
        for process in alive:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(alive, timeout=10)
        if self.process is not None:
            self.process.wait(timeout=30)


async def keep_alive(units: Callable[[], list[Unit]]) -> None:
    """Start again whatever died without an action of ours; each such death is noted, because nobody asked for it."""
    while True:
        for unit in units():
            if not unit.alive and not unit.held.locked():
                code = unit.process.returncode if unit.process is not None else None
                unit.surprises.append(f"{unit.name} ended by itself with code {code}; its log is {unit.log}")
                unit.launch()
        await asyncio.sleep(0.5)
