"""Starting programs in process groups of their own, and ending every one of them."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from axons_demo.errors import DemoError

MARK = "AXONS_DEMO_HOME"  # in the environment of everything the demo starts, and of what those start


@dataclass(frozen=True)
class Program:
    """One long-running program: how to start it and how to see that it is ready."""

    name: str
    argv: list[str]
    environment: dict[str, str]
    ready: Callable[[], bool]
    directory: Path
    ready_seconds: float = 60


@dataclass
class Running:
    """A started program. `starts` are the monotonic times of its starts, for the restart limit."""

    program: Program
    log: Path
    process: subprocess.Popen[bytes]
    starts: list[float] = field(default_factory=list)


def log_tail(log: Path, lines: int = 12) -> str:
    if not log.exists():
        return ""
    return "\n".join("    " + line for line in log.read_text(errors="replace").splitlines()[-lines:])


def launch(program: Program, log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        return subprocess.Popen(
            program.argv,
            env=program.environment,
            cwd=program.directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def wait_ready(running: Running) -> None:
    """Return when the program answers. Raises DemoError when it ends first, or takes too long."""
    deadline = time.monotonic() + running.program.ready_seconds
    while time.monotonic() < deadline:
        code = running.process.poll()
        if code is not None:
            raise DemoError(
                f"{running.program.name} ended with code {code} before it was ready. "
                f"Its log is {running.log}:\n{log_tail(running.log)}"
            )
        if running.program.ready():
            return
        time.sleep(0.1)
    raise DemoError(
        f"{running.program.name} was not ready after {running.program.ready_seconds:.0f} s. "
        f"Its log is {running.log}:\n{log_tail(running.log)}"
    )


def marked(home: Path) -> list[psutil.Process]:
    """Every live process that carries this demo's mark, whoever its parent is now; never the caller.

    A server that writes its title over its environment (Valkey does) carries none: see `register`.
    """
    found = []
    for process in psutil.process_iter():
        try:
            ours = process.pid != os.getpid() and process.environ().get(MARK) == str(home)
            if ours and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.Error, OSError):
            continue  # ended meanwhile, or another user's
    return found


def register(record: Path, pid: int) -> None:
    """Note a started process; with its start time, because process ids come back."""
    with record.open("a") as handle:
        handle.write(f"{pid} {psutil.Process(pid).create_time()}\n")


def registered(record: Path) -> list[psutil.Process]:
    """Those noted processes that still live."""
    found = []
    for line in record.read_text().splitlines() if record.exists() else []:
        pid, _, born = line.partition(" ")
        try:
            process = psutil.Process(int(pid))
            if abs(process.create_time() - float(born)) < 0.5 and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.Error, ValueError):
            continue
    return found


def end(processes: Iterable[psutil.Process], patience: float) -> None:
    """Ask the processes to end, and after `patience` seconds kill those that did not."""
    listed = list(processes)
    _signal(listed, signal.SIGTERM)
    _, alive = psutil.wait_procs(listed, timeout=patience)
    _signal(alive, signal.SIGKILL)
    psutil.wait_procs(alive, timeout=2)


def _signal(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        try:
            process.send_signal(number)
        except psutil.Error:
            continue
