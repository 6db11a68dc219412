"""Two network namespaces joined by a veth pair: as far as the network goes, two hosts. Needs root and `ip`."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

SERVICE_ADDRESS, RUNNER_ADDRESS = "10.213.0.1", "10.213.0.2"  # nobody but the two ends ever sees these
DEVICE = "axons0"


@dataclass(frozen=True)
class Hosts:
    """Names of the two namespaces."""

    service: str
    runner: str


def within(namespace: str) -> list[str]:
    """The beginning of a command line that runs there."""
    return ["ip", "netns", "exec", namespace]


@contextmanager
def two_hosts() -> Iterator[Hosts]:
    """Both hosts with their loopback and the cable between them; gone at the end, with whatever still runs there."""
    stem = f"axons-{os.getpid()}-{secrets.token_hex(2)}"
    hosts = Hosts(f"{stem}-service", f"{stem}-runner")
    try:
        for name in (hosts.service, hosts.runner):
            _ip("netns", "add", name)
            _ip("-n", name, "link", "set", "lo", "up")
        _ip("-n", hosts.service, "link", "add", DEVICE, "type", "veth", "peer", "name", DEVICE, "netns", hosts.runner)
        for name, address in ((hosts.service, SERVICE_ADDRESS), (hosts.runner, RUNNER_ADDRESS)):
            _ip("-n", name, "addr", "add", f"{address}/30", "dev", DEVICE)
            _ip("-n", name, "link", "set", DEVICE, "up")
        yield hosts
    finally:
        for name in (hosts.runner, hosts.service):
            _remove(name)


def cable(*, plugged: bool) -> None:
    """Plug the cable in or pull it out, at the end of the host that this process is on."""
    _ip("link", "set", DEVICE, "up" if plugged else "down")


def _ip(*arguments: str) -> str:
    """Raises CalledProcessError, whose stderr says what `ip` did not like."""
    return subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True, timeout=30).stdout


def _remove(name: str) -> None:
    with contextlib.suppress(subprocess.CalledProcessError):  # it was never made
        for pid in _ip("netns", "pids", name).split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        _ip("netns", "del", name)
