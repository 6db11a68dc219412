"""Where a demo keeps its data, and which of its pieces lies where."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Home:
    """A data directory. Everything the demo writes is inside it, but for two Unix sockets."""

    root: Path

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def keys(self) -> Path:
        return self.root / "keys"

    @property
    def objects(self) -> Path:
        return self.root / "objects"

    @property
    def broker(self) -> Path:
        return self.root / "broker"

    @property
    def service(self) -> Path:
        return self.root / "service"

    @property
    def lms(self) -> Path:
        return self.root / "lms"

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    @property
    def pids(self) -> Path:
        return self.root / "pids"

    @property
    def state(self) -> Path:
        return self.root / "demo.json"

    @property
    def sockets(self) -> Path:
        """A short path: a Unix socket's may have 104 bytes on macOS, and a clone can lie deep."""
        digest = hashlib.sha256(str(self.root).encode()).hexdigest()[:10]
        return Path(tempfile.gettempdir()) / f"axons-{digest}"

    def create(self) -> None:
        """Make the folders, readable by their owner alone."""
        for folder in (
            self.root,
            self.logs,
            self.keys,
            self.objects,
            self.broker,
            self.service,
            self.lms,
            self.sockets,
        ):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def default_home() -> Home:
    return Home(REPOSITORY / ".axons" / "demo")
