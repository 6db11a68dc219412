"""Free ports on loopback, in one block, the same ones at the next start when they are still free."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass

from axons_demo.errors import DemoError

FIRST_BASE = 18600
LAST_BASE = 22000
STEP = 10
GRPC_OFFSET = 10000  # SeaweedFS listens for gRPC at each of its ports plus 10000


@dataclass(frozen=True)
class Ports:
    """The block of ports that starts at `base`."""

    base: int

    @property
    def lms(self) -> int:
        return self.base

    @property
    def service(self) -> int:
        return self.base + 1

    @property
    def broker(self) -> int:
        return self.base + 2

    @property
    def s3(self) -> int:
        """The S3 port; the object store's own four follow it."""
        return self.base + 3

    def all(self) -> list[int]:
        """Every port that the demo listens on."""
        store = [self.s3 + offset for offset in range(5)]
        return [self.lms, self.service, self.broker, *store, *(port + GRPC_OFFSET for port in store)]


def is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Without it a port whose last connection is in TIME_WAIT looks taken; servers set it too.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def taken(ports: Ports) -> list[int]:
    return [port for port in ports.all() if not is_free(port)]


def choose(remembered: int | None = None) -> Ports:
    """The block AXONS_PORT names, or the remembered one, or the first free one.

    Raises DemoError when AXONS_PORT is not a usable number, or when a port of its block is taken.
    """
    wanted = os.environ.get("AXONS_PORT", "").strip()
    if wanted:
        if not wanted.isdigit() or not 1024 <= int(wanted) <= 65535 - GRPC_OFFSET - 7:
            raise DemoError(f"AXONS_PORT must be a number between 1024 and {65535 - GRPC_OFFSET - 7}. It is {wanted}.")
        ports = Ports(int(wanted))
        if blocked := taken(ports):
            listed = ", ".join(str(port) for port in blocked)
            raise DemoError(
                f"AXONS_PORT={wanted} needs ports that another program uses: {listed}. "
                "Choose another AXONS_PORT, or leave it out and free ports are found."
            )
        return ports
    candidates = [remembered] if remembered else []
    candidates += range(FIRST_BASE, LAST_BASE, STEP)
    for base in candidates:
        if not taken(Ports(base)):
            return Ports(base)
    raise DemoError(
        f"no block of free ports was found between {FIRST_BASE} and {LAST_BASE}. Set AXONS_PORT to a free one."
    )
