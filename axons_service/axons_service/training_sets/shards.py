"""Packing: plain tar shards of about 64 MiB, byte for byte the same for the same images."""

import hashlib
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from axons_service.storage import objects
from axons_service.training_sets.manifests import Shard

TARGET_BYTES = 64 * 1024 * 1024


def shards_store(images: Iterable[tuple[str, Path]], *, prefix: str, scratch: Path) -> list[Shard]:
    """Pack (sha256, file) pairs in the order of their hashes and store the shards below `prefix`."""
    stored: list[Shard] = []
    for number, batch in enumerate(_batches(sorted(images))):
        path = scratch / f"shard-{number}.tar"
        with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
            for sha256, file in batch:
                member = tarfile.TarInfo(f"{sha256}.jpg")
                member.size = file.stat().st_size
                member.mode = 0o644
                with file.open("rb") as content:
                    tar.addfile(member, content)
        with path.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
            size = path.stat().st_size
            key = f"{prefix}shards/{digest}.tar"
            content.seek(0)
            objects.put_stream(key, content, "application/x-tar")
        stored.append({"key": key, "sha256": digest, "bytes": size, "count": len(batch)})
        path.unlink()
    return stored


def _batches(images: Iterable[tuple[str, Path]]) -> Iterator[list[tuple[str, Path]]]:
    batch: list[tuple[str, Path]] = []
    size = 0
    for image in images:
        batch.append(image)
        size += image[1].stat().st_size
        if size >= TARGET_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
