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
from axons_service.training_sets.palette import PALETTE
from axons_service.training_sets.pictures import Mask, Picture, PictureWorkers, worker_count

THREADS_A_WORKER = 3


@dataclass(frozen=True)
class MaskFile:
    """The mask of a file to check, and the classes that its values stand for."""

    name: str
    fetch: Callable[[Path], bool]
    classes: tuple[str, ...]


@dataclass(frozen=True)
class File:
    """A file to check: `identity` names it in the journal, `name` in sentences; `fetch` says whether it was there."""

    identity: str
    name: str
    fetch: Callable[[Path], bool]
    keep: bool = False
    mask: MaskFile | None = None


def files_check(
    files: Iterable[File], *, prefix: str, scratch: Path, until: float
) -> Iterator[tuple[File, Finding, Path]]:
    """Check files until `until` (`time.monotonic`), in the order in which they become ready.

    Yields the file, what was found, and where its converted picture lies on this machine; its mask lies at
    `mask_beside` that. Blobs and thumbnails are in the store below `prefix` before a finding is yielded. Only a bounded
    number of files is in the air.
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


def mask_beside(picture: Path) -> Path:
    """Where the converted mask of a converted picture lies."""
    return picture.with_suffix(".png")


def _check(file: File, pictures: PictureWorkers, prefix: str, target: Path) -> tuple[File, Finding, Path]:
    source, thumbnail, drawn = target.with_suffix(".in"), target.with_suffix(".thumb"), target.with_suffix(".mask")
    coloured = target.with_suffix(".coloured")
    try:
        if not file.fetch(source):
            return file, _absent(file.name), target
        mask = None
        if file.mask is not None:
            if not file.mask.fetch(drawn):
                return file, _absent(file.mask.name), target
            mask = Mask(file.mask.name, drawn, mask_beside(target), coloured, file.mask.classes, PALETTE)
        outcome = pictures.convert(Picture(file.name, source, target, thumbnail, file.keep, mask))
        if not outcome.accepted:
            return file, {"code": outcome.code, "reason": outcome.reason}, target
        sha256, size = _store(target, thumbnail, prefix, "image/jpeg")
        with source.open("rb") as content:
            raw = hashlib.file_digest(content, "sha256").hexdigest()
        finding: Finding = {
            "code": "added",
            "sha256": sha256,
            "source": raw,
            "dhash": outcome.dhash,
            "width": outcome.width,
            "height": outcome.height,
            "bytes": size,
        }
        if mask is not None and outcome.covers is not None:
            digest, size = _store(mask.target, coloured, prefix, "image/png")
            finding["mask"], finding["covers"] = {"sha256": digest, "bytes": size}, outcome.covers
        return file, finding, target
    finally:
        for each_path in (source, thumbnail, drawn, coloured):
            each_path.unlink(missing_ok=True)


def _absent(name: str) -> Finding:
    return {"code": "not_uploaded", "reason": f"{name} did not arrive. Upload it again."}


def _store(blob: Path, thumbnail: Path, prefix: str, content_type: str) -> tuple[str, int]:
    """Store a blob by its content, and what is shown for it in lists; its hash and size."""
    data = blob.read_bytes()
    sha256 = hashlib.sha256(data).hexdigest()
    objects.put_bytes(keys.thumbnail_key(prefix, sha256), thumbnail.read_bytes(), content_type)
    objects.put_bytes(keys.blob_key(prefix, sha256), data, content_type)
    return sha256, len(data)


class LocalCopies:
    """Converted pictures and masks that still lie on this machine, by hash; others are fetched when packed."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self._paths: dict[str, Path] = {}
        self._lock = threading.Lock()

    def add(self, finding: Finding, path: Path) -> None:
        """Remember what was found at `path` and beside it."""
        with self._lock:
            self._paths[finding["sha256"]] = path
            if "mask" in finding:
                self._paths[finding["mask"]["sha256"]] = mask_beside(path)

    def read(self, sha256: str) -> bytes:
        """The bytes of a picture or mask, checked against its hash."""
        path = self._paths.get(sha256)
        data = path.read_bytes() if path is not None else objects.get_bytes(keys.blob_key(self.prefix, sha256))
        if hashlib.sha256(data).hexdigest() != sha256:
            raise ValueError(f"The blob {sha256} below {self.prefix} does not have its hash.")
        return data
