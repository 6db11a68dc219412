"""Write a set: one deterministic tar in ImageFolder layout, and the manifest beside it."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path

LICENCE = "GPL-3.0-or-later"


def make_tar(pictures: Mapping[str, bytes]) -> bytes:
    """Return a plain tar of the pictures: names sorted, no owner, no time, so that equal input gives equal bytes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path in sorted(pictures):
            member = tarfile.TarInfo(path)
            member.size = len(pictures[path])
            member.mode = 0o644
            tar.addfile(member, io.BytesIO(pictures[path]))
    return buffer.getvalue()


def write_set(
    folder: Path, pictures: Mapping[str, bytes], *, name: str, title: str, role: str, split: str, credits: str
) -> None:
    """Write ``images.tar``, ``dataset.json`` and ``CREDITS.md`` of one set; the label of a picture is its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    tar = make_tar(pictures)
    images = [
        {"path": path, "sha256": hashlib.sha256(pictures[path]).hexdigest(), "label": path.split("/")[0]}
        for path in sorted(pictures)
    ]
    manifest = {
        "name": name,
        "title": title,
        "role": role,
        "classes": sorted({image["label"] for image in images}),
        "count": len(images),
        "split": split,
        "licence": LICENCE,
        "credits": "CREDITS.md",
        "sha256": hashlib.sha256(tar).hexdigest(),
        "images": images,
    }
    (folder / "images.tar").write_bytes(tar)
    (folder / "dataset.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8", newline="\n")
    (folder / "CREDITS.md").write_text(credits, encoding="utf-8", newline="\n")
