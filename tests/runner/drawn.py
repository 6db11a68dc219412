"""A small set with masks: squares and discs drawn on noise, packed as the service packs such sets, by a seed."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.runner.synthetic import Pack, hyperparameters

if TYPE_CHECKING:
    from axons_runner.data import TrainingSet

SHAPES = ["background", "square", "disc"]
SIDE = 96
Mend = Callable[[NDArray[np.uint8]], NDArray[Any]]


def drawn(seed: int) -> tuple[bytes, NDArray[np.uint8]]:
    """A JPEG with a red square or a green disc (or both), and its mask; a strip at the foot is not counted."""
    random = np.random.default_rng(seed)
    pixels = random.integers(60, 130, (SIDE, SIDE, 3))
    mask = np.zeros((SIDE, SIDE), np.uint8)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    for kind in ((1,), (2,), (1, 2))[seed % 3]:
        y, x = random.integers(24, SIDE - 24, 2)
        half = int(random.integers(14, 24))
        square = (abs(rows - y) < half) & (abs(columns - x) < half)
        inside = square if kind == 1 else (rows - y) ** 2 + (columns - x) ** 2 < half**2
        pixels[inside, kind - 1] = 240
        pixels[inside, 2] = 20
        mask[inside] = kind
    mask[-4:] = 255
    out = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(out, "JPEG", quality=90)
    return out.getvalue(), mask


def png(values: NDArray[Any]) -> bytes:
    out = io.BytesIO()
    Image.fromarray(values).save(out, "PNG")
    return out.getvalue()


def masked_pack(
    count: int, held_out: int, *, seed: int = 0, classes: list[str] = SHAPES, mend: Mend | None = None
) -> Pack:
    """``count`` training and ``held_out`` validation pictures; ``mend`` makes each mask another one."""
    images, stream = [], io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for number in range(count + held_out):
            data, mask = drawn(seed * 10_000 + number)
            known = np.bincount(mask.reshape(-1), minlength=256)[1:3]
            numbers = np.array([*(classes.index(name) if name in classes else 0 for name in SHAPES), *[255] * 253])
            mask = numbers.astype(np.uint8)[mask]
            stored = png(mask if mend is None else mend(mask))
            label = SHAPES[1 + int(known.argmax())]
            images.append(
                {
                    "sha256": _add(tar, data, "jpg"), "label": label if label in classes else classes[0],
                    "split": "train" if number < count else "validation", "width": SIDE, "height": SIDE,
                    "mask": {"sha256": _add(tar, stored, "png"), "bytes": len(stored)},
                }
            )  # fmt: skip
    shard = stream.getvalue()
    listed = {"sha256": hashlib.sha256(shard).hexdigest(), "bytes": len(shard), "count": len(images), "key": "k"}
    manifest = {"version": 1, "task": "segmentation", "classes": classes, "images": images, "shards": [listed]}
    return Pack(manifest, shard)


def load_masked(pack: Pack, folder: Path) -> TrainingSet:
    from axons_runner.data import TrainingSet, index_shards, read_pictures

    shard = folder / f"{pack.manifest['shards'][0]['sha256']}.tar"
    shard.write_bytes(pack.shard)
    digest = hashlib.sha256(json.dumps(pack.manifest).encode()).hexdigest()
    return TrainingSet(pack.manifest["classes"], read_pictures(pack.manifest), index_shards([shard]), digest, "set-1")


def masked_hyperparameters(**changes: Any) -> dict[str, Any]:
    """Those of a small U-Net in two epochs, with ``changes``."""
    return hyperparameters(**({"architecture": "small_unet"} | changes))


def _add(tar: tarfile.TarFile, data: bytes, kind: str) -> str:
    digest = hashlib.sha256(data).hexdigest()
    member = tarfile.TarInfo(f"{digest}.{kind}")
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))
    return digest
