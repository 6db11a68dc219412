"""Runners as processes of this machine.

A runner stays in the process group of the worker that started it, so that a supervisor's killpg reaches it; it is
no child that dies with the worker, so that a recycled Celery process costs nobody their training.
"""

import contextlib
import logging
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import psutil
from django.conf import settings

from axons_service.compute.providers.base import Handle, Machine, Provider, Rejected, Status, option

CLOCK_TOLERANCE_SECONDS = 2.0  # start times are derived from the boot time, which follows clock corrections
PROGRAM = "axons-runner"

logger = logging.getLogger(__name__)


class LocalProvider(Provider):
    """`axons-runner` subprocesses. Handle: pid and start time, so that a reused pid is never taken for the runner.

    Pool options: `pool_token_file` (required), `program` (a list; default: axons-runner beside this Python),
    `internal_url` (default: the setting AXONS_INTERNAL_URL).
    """

    def command(self, name: str) -> list[str]:
        """The command line of a runner; its last arguments also identify it in the process table."""
        cache = self._folder("runner-cache")
        return [
            *self._program(),
            "--service",
            str(self.pool.options.get("internal_url") or settings.AXONS_INTERNAL_URL),
            "--pool-token-file",
            option(self.pool, "pool_token_file"),
            "--cache-dir",
            str(cache),
            "--name",
            name,
        ]

    def start(self, name: str) -> Handle:
        running = next((machine.handle for machine in self.machines() if machine.name == name), None)
        if running is not None:
            return running
        path = self._folder("logs") / f"runner-{name}.log"
        with path.open("ab") as log:
            process = subprocess.Popen(self.command(name), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        logger.info("runner %s started as process %s, log in %s", name, process.pid, path)
        with contextlib.suppress(psutil.Error):
            return {"pid": process.pid, "started": psutil.Process(process.pid).create_time()}
        return {"pid": process.pid, "started": 0.0}  # died at once: the next poll says so

    def poll(self, handle: Handle) -> Status:
        return Status.GONE if _process(handle) is None else Status.ALIVE

    def stop(self, handle: Handle, *, force: bool = False) -> None:
        process = _process(handle)
        if process is None:
            return
        with contextlib.suppress(psutil.Error):
            # a stopped process (SIGSTOP) handles SIGTERM only when continued
            process.kill() if force else process.terminate()
            if not force and process.status() == psutil.STATUS_STOPPED:
                process.resume()

    def machines(self) -> list[Machine]:
        token_file = self.pool.options.get("pool_token_file")
        found: list[Machine] = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, ValueError, IndexError):
                arguments = process.cmdline()
                if "--pool-token-file" not in arguments or process.status() == psutil.STATUS_ZOMBIE:
                    continue
                if arguments[arguments.index("--pool-token-file") + 1] == token_file:
                    name = arguments[arguments.index("--name") + 1]
                    handle = {"pid": process.pid, "started": process.create_time()}
                    since = datetime.fromtimestamp(process.create_time(), tz=UTC)
                    found.append(Machine(name, handle, Status.ALIVE, billed_from=since))
        return found

    def _program(self) -> list[str]:
        configured = self.pool.options.get("program")
        if configured:
            return [str(part) for part in configured]
        beside = Path(sys.executable).parent / PROGRAM
        found = str(beside) if beside.exists() else shutil.which(PROGRAM)
        if found is None:
            raise Rejected(f"{PROGRAM} is neither beside {sys.executable} nor on the PATH: install axons-runner.")
        return [found]

    def _folder(self, name: str) -> Path:
        if not settings.AXONS_DATA_DIR:
            raise Rejected("Local runners need the setting AXONS_DATA_DIR for their logs and cache.")
        folder = Path(settings.AXONS_DATA_DIR) / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder


def _process(handle: Handle) -> psutil.Process | None:
    """The living process of a handle; None when it is gone, a zombie, or its pid belongs to another process now."""
    pid = handle.get("pid")
    if not pid:
        return None
    reap(pid)
    try:
        process = psutil.Process(pid)
        if abs(process.create_time() - handle["started"]) > CLOCK_TOLERANCE_SECONDS:
            return None
        return None if process.status() == psutil.STATUS_ZOMBIE else process
    except psutil.NoSuchProcess:
        return None


def reap(pid: int) -> None:
    """Collect a dead child of ours, so that it does not stay in the process table."""
    with contextlib.suppress(ChildProcessError, OSError):
        os.waitpid(pid, os.WNOHANG)
