"""The cache of embeddings: shared, bounded, and never the reason why a job fails."""

from __future__ import annotations

import multiprocessing
import sqlite3
import time
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from axons_runner import embedding_cache
from axons_runner.cli import parse
from axons_runner.embedding_cache import EmbeddingCache

LIMIT = 1 << 20
CHANNELS = 1280


def vectors(*names: int) -> dict[str, NDArray[np.float16]]:
    """An embedding for each picture that depends on its name alone."""
    return {str(n): np.random.default_rng(n).normal(size=CHANNELS).astype(np.float16) for n in names}


def database_file(folder: Path) -> Path:
    (path,) = folder.glob("*.sqlite3")
    return path


def test_another_process_finds_what_one_has_computed(tmp_path: Path) -> None:
    EmbeddingCache(tmp_path, LIMIT).put("lite0", vectors(1, 2))
    found = EmbeddingCache(tmp_path, LIMIT).get("lite0", ["1", "2", "3"])
    assert found.keys() == {"1", "2"}
    assert all((found[name] == vector.astype(np.float32)).all() for name, vector in vectors(1, 2).items())


def test_an_embedding_of_other_weights_or_another_preprocessing_is_not_taken(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path, LIMIT)
    cache.put("lite0/weights-a/squash-224", vectors(1))
    assert cache.get("lite0/weights-b/squash-224", ["1"]) == {}


def test_it_stays_within_its_bytes_and_the_least_recently_used_go_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedding_cache, "USE_SECONDS", 0.0)
    cache = EmbeddingCache(tmp_path, LIMIT)
    cache.put("lite0", vectors(0, 1))
    for start in range(2, 1000, 32):
        cache.get("lite0", ["0"])
        cache.put("lite0", vectors(*range(start, start + 32)))
        assert cache.size() <= LIMIT
    known = cache.get("lite0", [str(n) for n in range(1000)])
    assert "0" in known, "used again and again"
    assert "1" not in known
    assert "999" in known
    assert len(known) > 250, "the room is used"
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 20 * LIMIT


def test_a_torn_embedding_is_unknown_and_can_be_put_again(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path, LIMIT)
    cache.put("lite0", vectors(1, 2))
    with sqlite3.connect(database_file(tmp_path)) as database:
        database.execute("UPDATE embedding SET vector = zeroblob(2560) WHERE picture = '1'")
    assert cache.get("lite0", ["1", "2"]).keys() == {"2"}
    cache.put("lite0", vectors(1))
    assert cache.get("lite0", ["1", "2"]).keys() == {"1", "2"}


@pytest.mark.parametrize("damage", ["garbage", "cut", "another layout"])
def test_a_damaged_file_costs_its_content_and_nothing_else(damage: str, tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path, LIMIT)
    for start in range(0, 320, 32):
        cache.put("lite0", vectors(*range(start, start + 32)))
    assert cache.database is not None
    cache.database.close()
    path = database_file(tmp_path)
    if damage == "another layout":
        path.rename(tmp_path / "embeddings-1-7.sqlite3")
    else:
        whole = path.read_bytes()
        path.write_bytes(b"not a database " * 5000 if damage == "garbage" else whole[: len(whole) // 2])
    cache = EmbeddingCache(tmp_path, LIMIT)
    cache.get("lite0", [str(n) for n in range(320)])
    cache.put("lite0", vectors(1))
    cache.put("lite0", vectors(2))
    assert "2" in cache.get("lite0", ["2"])
    assert "2" in EmbeddingCache(tmp_path, LIMIT).get("lite0", ["2"])


def test_a_file_damaged_under_an_open_cache_is_replaced(tmp_path: Path) -> None:
    one, other = EmbeddingCache(tmp_path, LIMIT), EmbeddingCache(tmp_path, LIMIT)
    one.put("lite0", vectors(*range(64)))
    one.database.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[union-attr]
    path = database_file(tmp_path)
    path.write_bytes(b"\xff" * path.stat().st_size)
    names = [str(n) for n in range(64)]
    for cache in (one, other, one, other):
        cache.get("lite0", names)
        cache.put("lite0", vectors(1))
    assert not path.exists()
    assert "1" in one.get("lite0", ["1"])
    assert "1" in other.get("lite0", ["1"])


def test_a_full_disk_keeps_what_is_there_and_fails_nothing(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path, LIMIT)
    cache.put("lite0", vectors(1))
    assert cache.database is not None
    (pages,) = cache.database.execute("PRAGMA page_count").fetchone()
    cache.database.execute(f"PRAGMA max_page_count = {pages}")  # SQLite answers as on a full disk
    cache.put("lite0", vectors(*range(2, 300)))
    assert cache.get("lite0", ["1", "299"]).keys() == {"1"}


def test_a_lock_held_by_another_process_fails_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding_cache, "LOCK_SECONDS", 0.05)
    cache = EmbeddingCache(tmp_path, LIMIT)
    cache.put("lite0", vectors(1))
    with sqlite3.connect(database_file(tmp_path), isolation_level=None) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        cache.put("lite0", vectors(2))
        assert cache.get("lite0", ["1", "2"]).keys() == {"1"}
        holder.execute("ROLLBACK")
    cache.put("lite0", vectors(2))
    assert "2" in cache.get("lite0", ["2"])


def test_a_folder_that_cannot_be_written_fails_nothing(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path / "cache", LIMIT)
    assert cache.database is not None
    cache.database.close()
    cache.database = None
    for path in (tmp_path / "cache").iterdir():
        path.unlink()
    (tmp_path / "cache").rmdir()
    cache.put("lite0", vectors(1))
    assert cache.get("lite0", ["1"]) == {}


def write(folder: str, first: int) -> None:
    cache = EmbeddingCache(Path(folder), 8 * LIMIT)
    for start in range(first, first + 200, 10):
        cache.put("lite0", vectors(*range(start, start + 10)))


def test_writers_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=write, args=(str(tmp_path), first)) for first in (0, 100, 300)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    found = EmbeddingCache(tmp_path, 8 * LIMIT).get("lite0", [str(n) for n in range(500)])
    assert len(found) == 500
    assert (found["150"] == vectors(150)["150"].astype(np.float32)).all()


def test_two_thousand_embeddings_are_read_within_a_second(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path, 64 * LIMIT)
    everything = vectors(*range(2000))
    cache.put("lite0", everything)
    began = time.perf_counter()
    assert len(cache.get("lite0", everything)) == 2000
    assert time.perf_counter() - began < 1


def test_the_bytes_are_a_setting(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    needed = ["--service", "http://service"]
    monkeypatch.setenv("AXONS_POOL_TOKEN", "token")
    monkeypatch.setenv("AXONS_EMBEDDING_CACHE_BYTES", str(7 << 20))
    assert parse(needed).embedding_cache_bytes == 7 << 20
    assert parse([*needed, "--embedding-cache-bytes", "2000000"]).embedding_cache_bytes == 2_000_000
    with pytest.raises(SystemExit):
        parse([*needed, "--embedding-cache-bytes", "5"])
    assert "takes at least" in capsys.readouterr().err
