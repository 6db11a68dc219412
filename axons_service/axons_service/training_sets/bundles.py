"""A library set as a folder that another site can import: dataset.json, images.tar and the credits."""

import hashlib
import io
import json
import os
import tarfile
import tempfile
from pathlib import Path, PurePosixPath
from typing import Any

from axons_service.exercises.task_types import SEGMENTATION
from axons_service.storage import keys, objects
from axons_service.training_sets import manifests
from axons_service.training_sets.mask_layout import CLASSES, IMAGES, MASKS, classes_text
from axons_service.training_sets.models import TrainingSet


class BundleRefused(Exception):
    """The set cannot be written; the sentence says why."""


def library_set_write(*, training_set: TrainingSet, folder: Path) -> str:
    """Write a ready library set into `folder`; the SHA-256 of its images.tar.

    The same set gives the same bytes, and importing them gives a set with the same `content_sha256`. Raises
    BundleRefused for a project's own set, for one that is not ready, and when `folder` holds something already.
    """
    if training_set.project_id is not None or training_set.state != TrainingSet.State.READY:
        raise BundleRefused(f"{training_set.name} is no ready set of a library. Choose one that authors can pick.")
    if folder.exists() and any(folder.iterdir()):
        raise BundleRefused(f"{folder} is not empty. Name a new folder.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    manifest = manifests.manifest_read(training_set)
    images = sorted(manifest["images"], key=lambda image: (image["label"], image["sha256"]))
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
        written = Path(scratch) / "bundle"
        written.mkdir()
        sha256 = _write(written, training_set, manifest["classes"], images)
        os.replace(written, folder)
    return sha256


def _write(folder: Path, training_set: TrainingSet, classes: list[str], images: list[manifests.Image]) -> str:
    owner = keys.owner_prefix(training_set)
    masked = training_set.task == SEGMENTATION
    own_split = training_set.kind == TrainingSet.Kind.STARTER and manifests.split_assign([], images) != sorted(
        images, key=lambda image: image["sha256"]
    )
    members: list[dict[str, Any]] = []
    with tarfile.open(folder / "images.tar", "w", format=tarfile.PAX_FORMAT) as archive:
        if masked:
            _add(archive, CLASSES, classes_text(classes))
        for number, image in enumerate(images):
            place = f"{IMAGES}/{number:05d}" if masked else f"{number:05d}"
            member: dict[str, Any] = {
                "path": f"{place}/{image['name']}",
                "sha256": image["sha256"],
                "label": image["label"],
            }
            if own_split:
                member["split"] = image["split"]
            _add(archive, member["path"], _blob(owner, image["sha256"], image["name"]))
            if masked:
                mask = image["mask"]["sha256"]
                member["mask"] = {
                    "path": f"{MASKS}/{number:05d}/{PurePosixPath(image['name']).stem}.png",
                    "sha256": mask,
                }
                _add(archive, member["mask"]["path"], _blob(owner, mask, image["name"]))
            members.append(member)
    with (folder / "images.tar").open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    description = {
        "name": training_set.name,
        "title": training_set.title,
        "role": training_set.kind,
        "classes": classes,
        "count": len(members),
        "licence": training_set.licence,
        "credits": "CREDITS.md" if training_set.credits else "",
        "sha256": sha256,
        "images": members,
    }
    if masked:
        description["task"] = training_set.task
    if training_set.description:
        description["description"] = training_set.description
    (folder / "dataset.json").write_text(json.dumps(description, indent=1, ensure_ascii=False), encoding="utf-8")
    if training_set.credits:
        (folder / "CREDITS.md").write_text(training_set.credits, encoding="utf-8")
    return sha256


def _blob(owner: str, sha256: str, name: str) -> bytes:
    data = objects.get_bytes(keys.blob_key(owner, sha256))
    if hashlib.sha256(data).hexdigest() != sha256:
        raise BundleRefused(f"The stored picture {name} or its mask is damaged: its hash is not {sha256}.")
    return data


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    archive.addfile(member, io.BytesIO(data))
