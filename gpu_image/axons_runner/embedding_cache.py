"""Embeddings on disk: one SQLite file shared by the runner's processes, bounded, least recently used out first.

It is a cache: a full disk, a lock held too long or a damaged file costs time, never a job.
"""

from __future__ import annotations

import contextlib
import logging
import math
import re
import sqlite3
import time
import zlib
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

log = logging.getLogger(__name__)
Answer = TypeVar("Answer")
Vectors = dict[str, NDArray[np.float32]]

LAYOUT = 2  # raised when the table changes; a file of another layout is thrown away
NAME = re.compile(rf"embeddings-{LAYOUT}-(\d+)\.sqlite3")
PAGE_BYTES = 16384  # six vectors of 1,280 halves a page; SQLite's usual page holds one and wastes a third
LOCK_SECONDS = 5.0
PART = 500  # SQLite takes a limited number of variables
USE_SECONDS = 60.0  # a later use within a minute is the same use, so that reading seldom writes
TABLE = (
    "CREATE TABLE IF NOT EXISTS embedding (space TEXT, picture TEXT, used REAL, checksum INTEGER, vector BLOB,"
    " PRIMARY KEY (space, picture))"
)
INDEX = "CREATE INDEX IF NOT EXISTS embedding_used ON embedding (used)"


class EmbeddingCache:
    """Embeddings in float16 by (``space``, picture); a space names backbone, weights, preprocessing and engine."""

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self.folder = folder
        self.limit_bytes = limit_bytes
        self.generation = 0
        folder.mkdir(parents=True, exist_ok=True)
        self.database: sqlite3.Connection | None = None
        self._try(lambda database: None, None)

    def get(self, space: str, pictures: Iterable[str]) -> Vectors:
        """Return the known embeddings (c,) of these pictures; one whose checksum is wrong counts as unknown."""
        wanted = list(pictures)
        parts = [wanted[start : start + PART] for start in range(0, len(wanted), PART)]
        nothing: Vectors = {}
        found: Vectors = {}
        for part in parts:
            found |= self._try(partial(self._get, space=space, part=part), nothing)
        return found

    def put(self, space: str, embeddings: Mapping[str, NDArray[np.float16]]) -> None:
        """Keep these embeddings, and forget the least recently used ones when the limit is passed."""
        now = time.time()
        rows = [
            (space, picture, now, _checksum(space, picture, vector.tobytes()), vector.tobytes())
            for picture, vector in embeddings.items()
        ]
        self._try(lambda database: self._put(database, rows), None)

    def size(self) -> int:
        """Return how many bytes of the file are in use."""
        return self._try(_bytes_in_use, 0)

    @staticmethod
    def _get(database: sqlite3.Connection, space: str, part: list[str]) -> Vectors:
        marks, now = ",".join("?" * len(part)), time.time()
        where = f"WHERE space = ? AND picture IN ({marks})"
        found: Vectors = {}
        stale, torn = [], []
        for picture, used, checksum, vector in database.execute(
            f"SELECT picture, used, checksum, vector FROM embedding {where}", [space, *part]
        ):
            if checksum != _checksum(space, picture, vector):
                torn.append(picture)
                continue
            found[picture] = np.frombuffer(vector, np.float16).astype(np.float32)
            if now - used > USE_SECONDS:
                stale.append(picture)
        with contextlib.suppress(sqlite3.OperationalError), database:  # what was read counts, written or not
            if torn:
                database.executemany(
                    "DELETE FROM embedding WHERE space = ? AND picture = ?", [(space, picture) for picture in torn]
                )
            if stale:
                database.executemany(
                    "UPDATE embedding SET used = ? WHERE space = ? AND picture = ?",
                    [(now, space, picture) for picture in stale],
                )
        return found

    def _put(self, database: sqlite3.Connection, rows: list[tuple[str, str, float, int, bytes]]) -> None:
        with database:
            database.executemany("INSERT OR REPLACE INTO embedding VALUES (?, ?, ?, ?, ?)", rows)
        size = _bytes_in_use(database)
        if size <= self.limit_bytes:
            return
        (count,) = database.execute("SELECT COUNT(*) FROM embedding").fetchone()
        surplus = math.ceil(count * (1 - 0.9 * self.limit_bytes / size))  # a tenth of room, so that this is seldom
        with database:
            database.execute(
                "DELETE FROM embedding WHERE rowid IN (SELECT rowid FROM embedding ORDER BY used LIMIT ?)", [surplus]
            )

    def _try(self, act: Callable[[sqlite3.Connection], Answer], otherwise: Answer) -> Answer:
        """Return what ``act`` does with the database, or ``otherwise`` when that cannot be done now."""
        try:
            if self.database is None:
                self.database = self._open()
            return act(self.database)
        except sqlite3.OperationalError as problem:  # full, locked or not writable: all of it may pass
            log.warning("The cache of embeddings was left out once: %s.", problem)
        except (sqlite3.DatabaseError, OSError) as problem:
            log.warning("The cache of embeddings is damaged and starts anew: %s.", problem)
            self._discard()
        return otherwise

    def _open(self) -> sqlite3.Connection:
        """Open the newest file. One of an older generation is damaged or of another layout, and goes."""
        files = {path: int(match[1]) for path in self.folder.iterdir() if (match := NAME.fullmatch(path.name))}
        self.generation = max([self.generation, *files.values()])
        name = f"embeddings-{LAYOUT}-{self.generation}.sqlite3"
        for path in self.folder.glob("embeddings*.sqlite3*"):
            if not path.name.startswith(name):
                path.unlink(missing_ok=True)
        database = sqlite3.connect(self.folder / name, timeout=LOCK_SECONDS, check_same_thread=False)
        try:
            database.execute(f"PRAGMA page_size = {PAGE_BYTES}")  # does nothing to a file that has pages
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = OFF")
            with database:
                database.execute(TABLE)
                database.execute(INDEX)
        except sqlite3.Error:
            database.close()
            raise
        return database

    def _discard(self) -> None:
        if self.database is not None:
            with contextlib.suppress(sqlite3.Error):
                self.database.close()
            self.database = None
        # A new name: a process that still has the old file open would, on closing it, remove the new one's log.
        self.generation += 1


def _bytes_in_use(database: sqlite3.Connection) -> int:
    pages, free = (int(database.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("page_count", "freelist_count"))
    return (pages - free) * PAGE_BYTES


def _checksum(space: str, picture: str, vector: bytes) -> int:
    return zlib.crc32(vector, zlib.crc32(f"{space} {picture}".encode()))
