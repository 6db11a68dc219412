"""Settings of the process itself, needed before torch is imported."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

DEFAULT_THREADS = 2
EMBEDDING_CACHE_BYTES = 512 << 20  # 180,000 pictures of EfficientNet-Lite0


@dataclass(frozen=True)
class Options:
    """What a runner is told when it is started. With an `enrolment_token` it made `pool_token` itself (`enrolment`)."""

    service: str
    pool_token: str
    name: str
    cache_dir: Path
    slots: tuple[str, ...] = ("training", "inference")
    threads: int = DEFAULT_THREADS
    embedding_cache_bytes: int = EMBEDDING_CACHE_BYTES
    training_processes: int = 1
    weights_list: Path | None = None
    enrolment_token: str = ""

    def work_dir(self) -> Path:
        """Return the folder for files of jobs under way."""
        folder = self.cache_dir / "work"
        folder.mkdir(parents=True, exist_ok=True)
        return folder


def default_cache_dir() -> Path:
    """Return where a runner keeps downloads and embeddings unless told otherwise."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "axons-runner"
