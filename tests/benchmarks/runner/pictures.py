"""The pictures of the demo's sets, as the naive script wants them (folders) and as the service packs them."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.runner.synthetic import Pack

DEFAULT = Path(__file__).parents[3] / "course_content/datasets/everyday_objects"


@dataclass
class Pictures:
    """Photographs to learn from and photographs held back: the starter set and the hidden set of one recipe."""

    train: list[tuple[str, bytes]]  # class, JPEG
    test: list[tuple[str, bytes]]
    classes: list[str]

    @classmethod
    def read(cls, train: int, test: int) -> Pictures:
        """Return at most so many of each class. AXONS_BENCH_SET names another folder with starter/ and hidden/."""
        folder = Path(os.environ.get("AXONS_BENCH_SET", DEFAULT))
        classes = json.loads((folder / "starter/dataset.json").read_text())["classes"]
        return cls(_read(folder / "starter", train), _read(folder / "hidden", test), classes)

    def folders(self, target: Path) -> tuple[Path, Path]:
        """Write both splits as ImageFolder wants them."""
        for split, pictures in (("train", self.train), ("test", self.test)):
            for number, (label, data) in enumerate(pictures):
                path = target / split / label / f"{number:05}.jpg"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
        return target / "train", target / "test"

    def pack(self, *, without_every: int = 0) -> Pack:
        """Return one shard and its manifest; the held-back photographs are its validation pictures.

        ``without_every`` leaves each so many-th training picture out: another learner's version of the same set.
        """
        kept = [p for n, p in enumerate(self.train) if not without_every or n % without_every]
        images: list[dict[str, Any]] = []
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w") as tar:
            for split, pictures in (("train", kept), ("validation", self.test)):
                for label, data in pictures:
                    digest = hashlib.sha256(data).hexdigest()
                    member = tarfile.TarInfo(f"{digest}.jpg")
                    member.size = len(data)
                    tar.addfile(member, io.BytesIO(data))
                    images.append({"sha256": digest, "label": label, "split": split})
        shard = stream.getvalue()
        listed = {"sha256": hashlib.sha256(shard).hexdigest(), "bytes": len(shard), "count": len(images), "key": "k"}
        return Pack({"version": 1, "classes": self.classes, "images": images, "shards": [listed]}, shard)


def _read(folder: Path, per_class: int) -> list[tuple[str, bytes]]:
    images = json.loads((folder / "dataset.json").read_text())["images"]
    taken: dict[str, int] = {}
    found = []
    with tarfile.open(folder / "images.tar") as tar:
        for image in images:
            taken[image["label"]] = taken.get(image["label"], 0) + 1
            if taken[image["label"]] <= per_class:
                stream = tar.extractfile(image["path"])
                assert stream is not None
                found.append((image["label"], stream.read()))
    return found
