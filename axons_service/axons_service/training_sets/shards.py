"""Packing: plain tar shards of about 64 MiB, byte for byte the same for the same images.

Members are `<sha256>.jpg` in the order of their hashes, which WebDataset reads as one sample each; labels and splits
are the manifest's, so that moving a picture to another class packs nothing anew.
"""

import hashlib
import io
import tarfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from axons_service.storage import objects
from axons_service.training_sets.manifests import Shard

TARGET_BYTES = 64 * 1024 * 1024
FETCHED_AT_ONCE = 16


def shards_store(
    images: Iterable[tuple[str, int]],
    *,
    read: Callable[[str], bytes],
    prefix: str,
    scratch: Path,
    tick: Callable[[], None] = lambda: None,
) -> list[Shard]:
    """Pack images, given as (sha256, bytes), and store the shards below `prefix`; `read` gives an image's content.

    A shard that is stored already is not sent again. `tick` is called now and then while it lasts.
    """
    stored: list[Shard] = []
    for batch in _batches(sorted(images)):
        path = scratch / "shard.tar"
        with path.open("wb") as file:
            tar_write(file, ((sha256, data) for sha256, data in _contents(batch, read, tick)))
        with path.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
            size = path.stat().st_size
            key = f"{prefix}shards/{digest}.tar"
            content.seek(0)
            if objects.head(key) is None:
                objects.put_stream(key, content, "application/x-tar")
        stored.append({"key": key, "sha256": digest, "bytes": size, "count": len(batch)})
        path.unlink()
        tick()
    return stored


def tar_write(file: io.BufferedIOBase | io.BufferedWriter, images: Iterable[tuple[str, bytes]]) -> None:
    """A tar of (sha256, content) pairs, without times and owners."""
    with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for sha256, data in images:
            member = tarfile.TarInfo(f"{sha256}.jpg")
            member.size = len(data)
            member.mode = 0o644
            tar.addfile(member, io.BytesIO(data))


def _contents(batch: list[str], read: Callable[[str], bytes], tick: Callable[[], None]) -> Iterator[tuple[str, bytes]]:
    """Contents in order, some fetched ahead."""
    with ThreadPoolExecutor(FETCHED_AT_ONCE) as pool:
        for start in range(0, len(batch), FETCHED_AT_ONCE):
            part = batch[start : start + FETCHED_AT_ONCE]
            yield from zip(part, pool.map(read, part), strict=True)
            tick()


def _batches(images: Iterable[tuple[str, int]]) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for sha256, weight in images:
        batch.append(sha256)
        size += weight
        if size >= TARGET_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
