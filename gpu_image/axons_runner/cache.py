"""The runner's disk cache: downloads by sha256, embeddings by picture. Both bounded in bytes, oldest use out first."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import requests
from numpy.typing import NDArray

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
        if path.exists() and _digest(path) == digest:
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
        files = [(p.stat().st_mtime, p.stat().st_size, p) for p in self.root.glob("??/*") if p.is_file()]
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


class EmbeddingCache:
    """Embeddings in float16 by (``space``, picture); a space names backbone, weights, preprocessing and engine."""

    def __init__(self, path: Path, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self.database = self._open(path)
        except sqlite3.DatabaseError:  # a cache may be thrown away; a damaged one must be
            path.unlink(missing_ok=True)
            self.database = self._open(path)

    @staticmethod
    def _open(path: Path) -> sqlite3.Connection:
        database = sqlite3.connect(path, timeout=10, check_same_thread=False)
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=OFF")
        database.execute(
            "CREATE TABLE IF NOT EXISTS embedding"
            " (space TEXT, picture TEXT, vector BLOB, used REAL, PRIMARY KEY (space, picture)) WITHOUT ROWID"
        )
        return database

    def get(self, space: str, pictures: Iterable[str]) -> dict[str, NDArray[np.float32]]:
        """Return the known embeddings (c,) of these pictures."""
        found: dict[str, NDArray[np.float32]] = {}
        wanted = list(pictures)
        for start in range(0, len(wanted), 500):
            part = wanted[start : start + 500]
            marks = ",".join("?" * len(part))
            query = f"SELECT picture, vector FROM embedding WHERE space = ? AND picture IN ({marks})"
            for picture, vector in self.database.execute(query, [space, *part]):
                found[picture] = np.frombuffer(vector, np.float16).astype(np.float32)
        return found

    def put(self, space: str, embeddings: Mapping[str, NDArray[np.float16]]) -> None:
        """Keep these embeddings; errors of a full or locked disk are ignored: it is a cache."""
        rows = [(space, picture, vector.tobytes(), time.time()) for picture, vector in embeddings.items()]
        with contextlib.suppress(sqlite3.OperationalError), self.database:
            self.database.executemany("INSERT OR REPLACE INTO embedding VALUES (?, ?, ?, ?)", rows)

    def trim(self) -> None:
        """Forget the oldest half when the limit is passed."""
        with contextlib.suppress(sqlite3.OperationalError), self.database:
            (size,) = self.database.execute("SELECT COALESCE(SUM(LENGTH(vector)), 0) FROM embedding").fetchone()
            if size > self.limit_bytes:
                self.database.execute(
                    "DELETE FROM embedding WHERE used <= (SELECT used FROM embedding ORDER BY used"
                    " LIMIT 1 OFFSET (SELECT COUNT(*) / 2 FROM embedding))"
                )


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
