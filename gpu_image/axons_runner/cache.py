"""The runner's disk cache of downloads, by sha256: bounded in bytes, oldest use out first."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import requests

from axons_runner.errors import Infrastructure

CHUNK = 1 << 20
TRIES = 5


class DiskCache:
    """Files named by their sha256, verified on every read, evicted by last use when ``limit_bytes`` is passed."""

    def __init__(self, root: Path, limit_bytes: int) -> None:
        self.root = root
        self.limit_bytes = limit_bytes
        root.mkdir(parents=True, exist_ok=True)

    def fetch(self, file: Mapping[str, Any]) -> Path:
        """Return the path of ``file`` ({"sha256", "bytes", "url"}), downloading it unless it is here and intact.

        Raises Infrastructure when it cannot be had or is not what was promised.
        """
        digest = str(file["sha256"])
        path = self.root / digest[:2] / digest
        with contextlib.suppress(FileNotFoundError):  # the runner's other process may evict it meanwhile
            if sha256_of(path) == digest:
                os.utime(path)
                return path
        path.parent.mkdir(exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent)
        os.close(descriptor)
        try:
            download(file["url"], Path(name), sha256=digest, limit_bytes=file["bytes"])
            os.replace(name, path)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name)
        self._evict(keep=path)
        return path

    def _evict(self, keep: Path) -> None:
        files = []
        for path in self.root.glob("??/*"):
            with contextlib.suppress(FileNotFoundError):
                status = path.stat()
                files.append((status.st_mtime, status.st_size, path))
        total = sum(size for _, size, _ in files)
        for _, size, path in sorted(files):
            if total <= self.limit_bytes:
                return
            if path != keep:
                path.unlink(missing_ok=True)
                total -= size


def download(url: str, path: Path, *, sha256: str | None, limit_bytes: int) -> None:
    """Write the object at ``url`` to ``path``; retried with a growing pause. Raises Infrastructure."""
    problem = ""
    for attempt in range(TRIES):
        if attempt:
            time.sleep(min(0.3 * 2**attempt, 5))
        try:
            problem = _download_once(url, path, sha256, limit_bytes)
        except (requests.RequestException, OSError) as error:
            problem = type(error).__name__
        if not problem:
            return
    raise Infrastructure(f"A download failed {TRIES} times: {problem}")


def _download_once(url: str, path: Path, sha256: str | None, limit_bytes: int) -> str:
    digest, received = hashlib.sha256(), 0
    with requests.get(url, stream=True, timeout=(5, 30)) as response:
        if response.status_code != 200:
            return f"status {response.status_code}"
        with path.open("wb") as target:
            for chunk in response.iter_content(CHUNK):
                received += len(chunk)
                if received > limit_bytes:
                    return f"more than the {limit_bytes} bytes promised"
                digest.update(chunk)
                target.write(chunk)
    return "" if sha256 is None or digest.hexdigest() == sha256 else "the content has another sha256"


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file, in hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
