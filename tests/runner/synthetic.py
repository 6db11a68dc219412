"""Small sets of pictures made on the spot, packed as the service packs them, and assignments that name them."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from tests.runner.fake_service import FakeService

if TYPE_CHECKING:
    from axons_runner.data import TrainingSet

CLASSES = ["red", "green", "blue"]


def picture(label: int, seed: int, side: int = 96) -> bytes:
    """A noisy JPEG in the colour of its class, with a darker stripe somewhere."""
    random = np.random.default_rng((label, seed))
    pixels = random.integers(0, 90, (96, 96, 3))
    pixels[..., label] += 120
    row = int(random.integers(0, 88))
    pixels[row : row + 8] //= 2
    out = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).resize((side, side), Image.Resampling.NEAREST).save(
        out, "JPEG", quality=90
    )
    return out.getvalue()


@dataclass
class Pack:
    """A packed set: its manifest and one shard, which holds a picture that the manifest does not list."""

    manifest: dict[str, Any]
    shard: bytes


def make_pack(per_class: int, held_out: int, *, split: str = "train", seed: int = 0) -> Pack:
    images, stream = [], io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for label, name in enumerate(CLASSES):
            for number in range(per_class + held_out):
                data = picture(label, seed * 10_000 + number)
                where = split if number < per_class else "validation"
                digest = _add(tar, data)
                images.append({"sha256": digest, "label": name, "split": where, "width": 96, "height": 96})
        _add(tar, picture(0, 999_999))
    shard = stream.getvalue()
    listed = {"sha256": hashlib.sha256(shard).hexdigest(), "bytes": len(shard), "count": len(images), "key": "k"}
    return Pack({"version": 1, "classes": CLASSES, "images": images, "shards": [listed]}, shard)


def _add(tar: tarfile.TarFile, data: bytes) -> str:
    digest = hashlib.sha256(data).hexdigest()
    member = tarfile.TarInfo(f"{digest}.jpg")
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))
    return digest


def load_pack(pack: Pack, folder: Path) -> TrainingSet:
    from axons_runner.data import TrainingSet, index_shards, read_pictures

    shard = folder / f"{pack.manifest['shards'][0]['sha256']}.tar"
    shard.write_bytes(pack.shard)
    digest = hashlib.sha256(json.dumps(pack.manifest).encode()).hexdigest()
    return TrainingSet(CLASSES, read_pictures(pack.manifest), index_shards([shard]), digest, "set-1")


def hyperparameters(**changes: Any) -> dict[str, Any]:
    base = {"architecture": "small_cnn", "epochs": 2, "learning_rate": 0.003, "batch_size": 8}
    return base | {"augmentation": True, "seed": 3} | changes


def assignment(service: FakeService, pack: Pack | None, **changes: Any) -> dict[str, Any]:
    """A training assignment of this pack, with ``changes``."""
    training_set = None
    if pack is not None:
        manifest = service.put("manifest.json", json.dumps(pack.manifest).encode())
        shards = [service.put("shard.tar", pack.shard)]
        training_set = {
            "id": "set-1", "manifest": {"url": manifest["url"], "sha256": manifest["sha256"]}, "shards": shards
        }  # fmt: skip
    return {
        "job": "job-1",
        "attempt": 1,
        "token": "attempt-token",
        "kind": "training",
        "task": "classification",
        "lease_seconds": 90,
        "time_limit_seconds": 600,
        "event_interval_seconds": 0.3,
        "hyperparameters": hyperparameters(),
        "classes": CLASSES,
        "training_set": training_set,
        "model": None,
        "picture": None,
        "resume": None,
    } | changes
