"""Packing: plain tar shards of about 64 MiB, byte for byte the same for the same images.

Members are `<sha256>.jpg` in the order of their hashes, which WebDataset reads as one sample each; labels and splits
are the manifest's, so that moving a picture to another class packs nothing anew. A picture that has a mask is followed
by it, `<mask's sha256>.png`, unless that shard holds the same mask already.
"""

import hashlib
import io
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from axons_service.storage import objects
from axons_service.training_sets.manifests import Mask, Shard

TARGET_BYTES = 64 * 1024 * 1024
FETCHED_AT_ONCE = 16


def shards_store(
    images: Iterable[tuple[str, int]],
    *,
    read: Callable[[str], bytes],
    prefix: str,
    scratch: Path,
    tick: Callable[[], None] = lambda: None,
    masks: Mapping[str, Mask] | None = None,
) -> list[Shard]:
    """Pack images, given as (sha256, bytes), and store the shards below `prefix`; `read` gives an image's content.

    `masks` are those of the images, by the image's hash; `read` gives them too. A shard that is stored already is not
    sent again. `tick` is called now and then while it lasts.
    """
    stored: list[Shard] = []
    masks = masks or {}
    for batch in _batches(sorted(images), masks):
        path = scratch / "shard.tar"
        with path.open("wb") as file:
            tar_write(file, _contents(_members(batch, masks), read, tick))
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


def tar_write(file: io.BufferedIOBase | io.BufferedWriter, members: Iterable[tuple[str, bytes]]) -> None:
    """A tar of (name, content) pairs, without times and owners."""
    with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in members:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            member.mode = 0o644
            tar.addfile(member, io.BytesIO(data))


def _members(batch: list[str], masks: Mapping[str, Mask]) -> list[str]:
    """The names of a shard's members: pictures in order, each followed by its mask where that is not there yet."""
    names: dict[str, None] = {}
    for sha256 in batch:
        names[f"{sha256}.jpg"] = None
        if sha256 in masks:
            names[f"{masks[sha256]['sha256']}.png"] = None
    return list(names)


def _contents(names: list[str], read: Callable[[str], bytes], tick: Callable[[], None]) -> Iterator[tuple[str, bytes]]:
    """Contents in order, some fetched ahead."""
    with ThreadPoolExecutor(FETCHED_AT_ONCE) as pool:
        for start in range(0, len(names), FETCHED_AT_ONCE):
            part = names[start : start + FETCHED_AT_ONCE]
            yield from zip(part, pool.map(read, (name.partition(".")[0] for name in part)), strict=True)
            tick()


def _batches(images: Iterable[tuple[str, int]], masks: Mapping[str, Mask]) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for sha256, weight in images:
        batch.append(sha256)
        size += weight + (masks[sha256]["bytes"] if sha256 in masks else 0)
        if size >= TARGET_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
