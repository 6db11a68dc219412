"""Checking files in parallel: fetched, converted by picture workers, stored by their content; one finding each."""

import hashlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path

from axons_service.storage import keys, objects
from axons_service.training_sets.journal import Finding
from axons_service.training_sets.pictures import Picture, PictureWorkers, worker_count

THREADS_A_WORKER = 3


@dataclass(frozen=True)
class File:
    """A file to check: `identity` names it in the journal, `name` in sentences; `fetch` says whether it was there."""

    identity: str
    name: str
    fetch: Callable[[Path], bool]
    keep: bool = False


def files_check(
    files: Iterable[File], *, prefix: str, scratch: Path, until: float
) -> Iterator[tuple[File, Finding, Path]]:
    """Check files until `until` (`time.monotonic`), in the order in which they become ready.

    Yields the file, what was found, and where its converted picture lies on this machine. Blob and thumbnail are in the
    store below `prefix` before a finding is yielded. Only a bounded number of files is in the air.
    """
    workers = worker_count()
    numbers = count()
    threads = workers * THREADS_A_WORKER
    waiting = iter(files)
    with PictureWorkers(workers) as pictures, ThreadPoolExecutor(threads) as pool:

        def start(how_many: int) -> set[Future[tuple[File, Finding, Path]]]:
            chosen = islice(waiting, how_many)
            return {pool.submit(_check, file, pictures, prefix, scratch / f"{next(numbers)}.jpg") for file in chosen}

        running = start(2 * threads)  # whatever the time: a slice that starts nothing would come back for ever
        try:
            while running:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                if time.monotonic() < until:
                    running |= start(len(done))
                for each in done:
                    yield each.result()
        finally:
            for each in running:
                each.cancel()


def _check(file: File, pictures: PictureWorkers, prefix: str, target: Path) -> tuple[File, Finding, Path]:
    source, thumbnail = target.with_suffix(".in"), target.with_suffix(".thumb")
    try:
        if not file.fetch(source):
            reason = f"{file.name} did not arrive. Upload it again."
            return file, {"code": "not_uploaded", "reason": reason}, target
        outcome = pictures.convert(Picture(file.name, source, target, thumbnail, file.keep))
        if not outcome.accepted:
            return file, {"code": outcome.code, "reason": outcome.reason}, target
        data = target.read_bytes()
        sha256 = hashlib.sha256(data).hexdigest()
        objects.put_bytes(keys.thumbnail_key(prefix, sha256), thumbnail.read_bytes(), "image/jpeg")
        objects.put_bytes(keys.blob_key(prefix, sha256), data, "image/jpeg")
        with source.open("rb") as content:
            raw = hashlib.file_digest(content, "sha256").hexdigest()
        finding: Finding = {
            "code": "added",
            "sha256": sha256,
            "source": raw,
            "dhash": outcome.dhash,
            "width": outcome.width,
            "height": outcome.height,
            "bytes": len(data),
        }
        return file, finding, target
    finally:
        source.unlink(missing_ok=True)
        thumbnail.unlink(missing_ok=True)


class LocalCopies:
    """Converted pictures that still lie on this machine, by hash; others are fetched from the store when packed."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self._paths: dict[str, Path] = {}
        self._lock = threading.Lock()

    def add(self, sha256: str, path: Path) -> None:
        with self._lock:
            self._paths[sha256] = path

    def read(self, sha256: str) -> bytes:
        """The picture's bytes, checked against its hash."""
        path = self._paths.get(sha256)
        data = path.read_bytes() if path is not None else objects.get_bytes(keys.blob_key(self.prefix, sha256))
        if hashlib.sha256(data).hexdigest() != sha256:
            raise ValueError(f"The blob {sha256} below {self.prefix} does not have its hash.")
        return data
