"""Starting and stopping the servers, each in its own folder under `.services/`, on ports that were free."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".services"


class ServiceError(Exception):
    """A server cannot run; the message says what to do."""


@dataclass(frozen=True)
class Server:
    """A started server: the processes to end, and the line for `.services/env`."""

    name: str
    pids: list[int]
    environment: dict[str, str]


@dataclass(frozen=True)
class Prepared:
    """A server that can be launched, also again after a kill, on the same ports and data.

    `variables` are its lines for `.services/env`.
    """

    name: str
    argv: list[str]
    environment: dict[str, str]
    log: Path
    ready: Callable[[], bool]
    variables: dict[str, str]
    seconds: float = 60

    def launch(self) -> int:
        """Start it and return its process id once it answers."""
        pid = spawn(self.argv, self.log, self.environment)
        wait(self.name, self.ready, self.log, self.seconds)
        return pid


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on now, all different."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for item in sockets:
            item.bind(("127.0.0.1", 0))
        return [int(item.getsockname()[1]) for item in sockets]
    finally:
        for item in sockets:
            item.close()


def spawn(argv: list[str], log: Path, environment: dict[str, str] | None = None, cwd: str = "/") -> int:
    """Start a program in a session of its own. Returns its process id."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            argv,
            env=environment,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return process.pid


def wait(name: str, ready: Callable[[], bool], log: Path, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if ready():
            return
        time.sleep(0.2)
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:]) if log.exists() else ""
    raise ServiceError(f"{name} was not ready after {seconds:.0f} s. Its log is {log}:\n{tail}")


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def start() -> None:
    """Start all three, write `.services/env`, and print what runs."""
    from scripts.services import postgres, rabbitmq, seaweed

    if (FOLDER / "servers.json").exists():
        stop()
    FOLDER.mkdir(exist_ok=True)
    # PostgreSQL runs as another user when we are root: it has to get through to its folder, wherever the clone lies.
    folders = Path(tempfile.mkdtemp(prefix="axons-services-"))
    folders.chmod(0o755)
    started: list[Server] = []
    try:
        for module in (postgres, rabbitmq, seaweed):
            began = time.monotonic()
            server = module.start(folders, FOLDER, secrets.token_hex(12))
            started.append(server)
            print(f"services: {server.name} ready in {time.monotonic() - began:.1f} s", flush=True)
    finally:
        record = {"folders": str(folders), "pids": [pid for server in started for pid in server.pids]}
        (FOLDER / "servers.json").write_text(json.dumps(record))
    lines = [f"{name}={value}" for server in started for name, value in server.environment.items()]
    env = FOLDER / "env"
    env.touch(mode=0o600)
    env.write_text("\n".join(lines) + "\n")
    print(f"services: their URLs are in {env.relative_to(ROOT)}")


def stop() -> None:
    """End what `start` started; safe to repeat."""
    record_file = FOLDER / "servers.json"
    if not record_file.exists():
        print("services: none were started")
        return
    record = json.loads(record_file.read_text())
    pids = [int(pid) for pid in record["pids"]]
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            # SIGINT is PostgreSQL's fast shutdown; the others take it as a plain one.
            os.kill(pid, signal.SIGINT if _is(pid, "postgres") else signal.SIGTERM)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and any(_lives(pid) for pid in pids):
        time.sleep(0.2)
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            if _lives(pid):
                os.kill(pid, signal.SIGKILL)
    shutil.rmtree(record["folders"], ignore_errors=True)
    record_file.unlink()
    (FOLDER / "env").unlink(missing_ok=True)
    print("services: stopped")


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    stat = Path(f"/proc/{pid}/stat")
    return not (stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z")


def _is(pid: int, name: str) -> bool:
    found = subprocess.run(["ps", "-o", "comm=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return name in found.stdout
