"""RabbitMQ, private: its own node name, epmd, cookie and folders, so that it never meets another on the machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

from scripts.services.lifecycle import Prepared, Server, ServiceError, free_ports, listens


def server() -> str:
    # The one on Debian's PATH is a wrapper that changes user and reads /etc: the plain one does neither.
    for candidate in ("/usr/lib/rabbitmq/bin/rabbitmq-server", shutil.which("rabbitmq-server") or ""):
        if candidate and Path(candidate).exists():
            return candidate
    raise ServiceError(
        "RabbitMQ is not installed. Debian: apt-get install --no-install-recommends rabbitmq-server; "
        "macOS: brew install rabbitmq."
    )


def prepare(folders: Path, logs: Path, password: str) -> Prepared:
    """A fresh node with one user `axons` and the virtual host `/`."""
    folder = folders / "rabbitmq"
    for name in ("home", "mnesia", "log", "conf"):
        (folder / name).mkdir(parents=True)
    port, dist_port, epmd_port = free_ports(3)
    log = logs / "rabbitmq.log"
    (folder / "conf" / "rabbitmq.conf").write_text(
        f"listeners.tcp.default = 127.0.0.1:{port}\n"
        f"default_user = axons\ndefault_pass = {password}\n"
        "loopback_users.axons = true\nvm_memory_high_watermark.absolute = 512MB\ndisk_free_limit.absolute = 50MB\n"
    )
    (folder / "conf" / "enabled_plugins").write_text("[].\n")
    environment = {
        **os.environ,
        "HOME": str(folder / "home"),
        "RABBITMQ_NODENAME": f"axons{port}@localhost",
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_CONFIG_FILE": str(folder / "conf" / "rabbitmq.conf"),
        "RABBITMQ_CONF_ENV_FILE": str(folder / "conf" / "none"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "conf" / "enabled_plugins"),
        "RABBITMQ_DIST_PORT": str(dist_port),
        "ERL_EPMD_PORT": str(epmd_port),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
    }
    url = f"amqp://axons:{password}@127.0.0.1:{port}//"
    variables = {"AXONS_TEST_RABBITMQ_URL": url}
    return Prepared("RabbitMQ", [server()], environment, log, lambda: listens(port), variables, seconds=90)


def start(folders: Path, logs: Path, password: str) -> Server:
    """A fresh node, started."""
    prepared = prepare(folders, logs, password)
    pid = prepared.launch()
    pids = [pid, *daemons(prepared), *_group(pid)]
    return Server(prepared.name, pids, prepared.variables)


def daemons(prepared: Prepared) -> list[int]:
    """Processes that outlive the node: its epmd."""
    return listeners(int(prepared.environment["ERL_EPMD_PORT"]))


def listeners(port: int) -> list[int]:
    """Processes of the epmd on this port. Empty where it cannot be told."""
    import psutil

    found = []
    for process in psutil.process_iter(["name"]):
        try:
            if process.info["name"] == "epmd" and any(
                connection.laddr.port == port for connection in process.net_connections(kind="tcp")
            ):
                found.append(process.pid)
        except (psutil.Error, AttributeError):
            continue
    return found


def _group(pid: int) -> list[int]:
    """The Erlang machine below the start script."""
    time.sleep(0.1)
    listed = subprocess.run(["ps", "-eo", "pid=,pgid="], capture_output=True, text=True, check=False).stdout
    rows = (line.split() for line in listed.splitlines())
    return [int(row[0]) for row in rows if len(row) == 2 and int(row[1]) == pid and int(row[0]) != pid]
