"""Starter sets and hidden test sets: what an operator imports into a site's library."""

import hashlib
import json
import math
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Max

from axons_service.exercises.task_types import CLASSIFICATION, SEGMENTATION, Task
from axons_service.sites.models import Site
from axons_service.storage import keys, objects
from axons_service.training_sets import manifests
from axons_service.training_sets.archives import ArchiveRefused
from axons_service.training_sets.checking import File, MaskFile, files_check, mask_beside
from axons_service.training_sets.journal import Finding
from axons_service.training_sets.mask_layout import CLASSES, MASKS, classes_read
from axons_service.training_sets.models import TrainingSet
from axons_service.training_sets.near import near_groups
from axons_service.training_sets.palette import MAX_CLASSES
from axons_service.training_sets.shards import shards_store

MAX_MEMBER_BYTES = 20 * 1024 * 1024


class ImportRefused(Exception):
    """The folder cannot be imported; the sentence says why."""


@dataclass(frozen=True)
class Source:
    """A folder as recipes write it: dataset.json and images.tar, in ImageFolder layout or that of `mask_layout`."""

    folder: Path
    description: dict[str, Any]
    role: str
    sha256: str
    task: str


def library_set_import(*, site: Site, folder: Path, role: str | None = None) -> tuple[TrainingSet, bool]:
    """Import a set into the site's library, and whether this made a new version: the same content does not.

    Raises ImportRefused with a sentence.
    """
    source = _source(folder, role)
    name = source.description["name"]
    versions = TrainingSet.objects.filter(site=site, project__isnull=True, name=name)
    if (theirs := versions.exclude(course_key="").first()) is not None:
        raise ImportRefused(
            f"The course {theirs.course_key} has published a set named {name}. Give this one another name."
        )
    known = versions.filter(kind=source.role, source_sha256=source.sha256, state=TrainingSet.State.READY).order_by(
        "-version"
    )
    if (found := known.first()) is not None:
        return found, False
    training_set = TrainingSet(
        site=site,
        kind=source.role,
        task=source.task,
        name=name,
        title=source.description["title"],
        version=(versions.aggregate(newest=Max("version"))["newest"] or 0) + 1,
        source_sha256=source.sha256,
        licence=source.description.get("licence", ""),
        description=source.description.get("description", ""),
        credits=_credits(source),
    )
    with tempfile.TemporaryDirectory(prefix="axons-import-") as scratch:
        _store(training_set, source, Path(scratch))
    try:
        with transaction.atomic():
            training_set.save()
    except IntegrityError as error:
        raise ImportRefused(f"Another import of {name} went on at the same time. Run this one again.") from error
    return training_set, True


def _source(folder: Path, role: str | None) -> Source:
    description_file, archive = folder / "dataset.json", folder / "images.tar"
    for file in (description_file, archive):
        if not file.is_file():
            raise ImportRefused(f"{file} is missing. A set is a folder with dataset.json and images.tar.")
    try:
        description = json.loads(description_file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ImportRefused(f"{description_file} is not JSON: {error}.") from error
    missing = [key for key in ("name", "title", "role", "classes", "sha256", "images") if key not in description]
    if missing:
        raise ImportRefused(f"{description_file} lacks {', '.join(missing)}.")
    with archive.open("rb") as content:
        sha256 = hashlib.file_digest(content, "sha256").hexdigest()
    if sha256 != description["sha256"]:
        raise ImportRefused(f"{archive} does not have the sha256 that dataset.json names: one of the two is older.")
    chosen = role or description["role"]
    if chosen not in (TrainingSet.Kind.STARTER, TrainingSet.Kind.HIDDEN):
        raise ImportRefused(f"The role of a set is starter or hidden, not {chosen}.")
    if any(image.get("split", "") not in ("", "train", "validation") for image in description["images"]):
        raise ImportRefused(f"{description_file} names a split that is neither train nor validation.")
    task = description.get("task", CLASSIFICATION)
    if task not in Task.values:
        raise ImportRefused(f"The task of a set is {' or '.join(Task.values)}, not {task}.")
    if task == SEGMENTATION and not 2 <= len(description["classes"]) <= MAX_CLASSES:
        raise ImportRefused(f"A set for segmentation has 2 to {MAX_CLASSES} classes.")
    return Source(folder, description, chosen, sha256, task)


def _credits(source: Source) -> str:
    name = source.description.get("credits")
    for place in (source.folder, source.folder.parent):
        if name and (file := place / Path(name).name).is_file():
            return file.read_text(encoding="utf-8")
    return ""


def _store(training_set: TrainingSet, source: Source, scratch: Path) -> None:
    """Blobs, shards and, last, the manifest."""
    owner = keys.owner_prefix(training_set)
    classes = list(source.description["classes"])
    images: list[manifests.Image] = []
    files: dict[str, Path] = {}
    labels = {image["path"]: image for image in source.description["images"]}
    found: dict[str, tuple[Finding, Path]] = {}
    masks: dict[str, manifests.Mask] = {}
    members = _members(source, labels, scratch)
    for file, finding, target in files_check(members, prefix=owner, scratch=scratch, until=math.inf):
        if "sha256" not in finding:
            raise ImportRefused(finding["reason"])
        found[file.identity] = finding, target
    if len(found) != len(labels):
        raise ImportRefused(f"images.tar holds {len(found)} of the {len(labels)} pictures that dataset.json names.")
    for path, (finding, target) in sorted(found.items()):
        sha256 = finding["sha256"]
        if sha256 in files:
            raise ImportRefused(f"{path} is in this set twice.")
        files[sha256] = target
        if "mask" in finding:
            masks[sha256] = finding["mask"]
            files[finding["mask"]["sha256"]] = mask_beside(target)
        image: manifests.Image = {
            "sha256": sha256,
            "label": classes[finding["covers"]] if "covers" in finding else labels[path]["label"],
            "split": "test" if source.role == TrainingSet.Kind.HIDDEN else labels[path].get("split", ""),
            "name": path.rsplit("/", 1)[-1],
            "width": finding["width"],
            "height": finding["height"],
            "source": labels[path]["sha256"],
            "dhash": finding["dhash"],
        }
        if "mask" in finding:
            image["mask"] = finding["mask"]
        images.append(image)
    if source.role == TrainingSet.Kind.STARTER and not all(image["split"] for image in images):
        images = manifests.split_assign([], images)
    images.sort(key=lambda image: (image["label"], image["sha256"]))
    prefix = keys.training_set_prefix(training_set)
    sizes = [(image["sha256"], files[image["sha256"]].stat().st_size) for image in images]
    shards = shards_store(
        sizes, read=lambda sha256: files[sha256].read_bytes(), prefix=prefix, scratch=scratch, masks=masks
    )
    manifest: manifests.Manifest = {"version": 1, "classes": classes, "images": images, "shards": shards}
    if source.task != CLASSIFICATION:
        manifest["task"] = source.task
    groups = near_groups((image["sha256"], image["dhash"]) for image in images)
    if groups and source.role == TrainingSet.Kind.STARTER:
        manifest["near_duplicates"] = groups
    data, digest = manifests.manifest_encode(manifest)
    training_set.manifest_key = f"{prefix}manifest.json"
    objects.put_bytes(training_set.manifest_key, data, "application/json")
    training_set.manifest_sha256 = digest
    training_set.classes = classes
    training_set.content_sha256 = manifests.content_sha256(classes, images)
    training_set.counts = manifests.image_counts(images, classes)
    training_set.image_count = len(images)
    training_set.shards = shards
    training_set.state = TrainingSet.State.READY


def _members(source: Source, labels: dict[str, Any], scratch: Path) -> Iterator[File]:
    """The archive's pictures as files, each checked against dataset.json; names never become paths."""
    with tarfile.open(source.folder / "images.tar", "r:") as archive:
        masks = _masks(source, labels, archive, scratch)
        for number, member in enumerate(archive):
            if not member.isfile() or (source.task == SEGMENTATION and _is_beside(member.name)):
                continue
            image = labels.get(member.name)
            named = image is not None and (
                source.task == SEGMENTATION or image["label"] in source.description["classes"]
            )
            if image is None or not named:
                raise ImportRefused(f"images.tar holds {member.name}, which dataset.json does not name with a class.")
            path = scratch / f"{number}.member"
            _unpack(archive, member, path, image["sha256"])
            yield File(member.name, member.name, partial(_move, path), keep=True, mask=masks.get(member.name))


def _masks(source: Source, labels: dict[str, Any], archive: tarfile.TarFile, scratch: Path) -> dict[str, MaskFile]:
    """The mask of each picture by the picture's path, unpacked; empty for a set without masks."""
    if source.task != SEGMENTATION:
        return {}
    members = {member.name: member for member in archive if member.isfile()}
    classes = tuple(source.description["classes"])
    if CLASSES in members:
        content = archive.extractfile(members[CLASSES])
        try:
            named = classes_read(content.read(1 << 16), CLASSES) if content is not None else []
        except ArchiveRefused as refused:
            raise ImportRefused(str(refused)) from refused
        if named != list(classes):
            raise ImportRefused(f"{CLASSES} in images.tar names other classes than dataset.json.")
    found: dict[str, MaskFile] = {}
    for number, (path, image) in enumerate(labels.items()):
        mask = image.get("mask")
        if not isinstance(mask, dict) or mask.get("path") not in members:
            raise ImportRefused(
                f"{path} has no mask. dataset.json names one for each picture, and images.tar holds it."
            )
        place = scratch / f"{number}.drawn"
        _unpack(archive, members[mask["path"]], place, mask["sha256"])
        found[path] = MaskFile(mask["path"], partial(_move, place), classes)
    drawn = {mask.name for mask in found.values()}
    for name in members:
        if name.startswith(f"{MASKS}/") and name not in drawn:
            raise ImportRefused(f"{name} in images.tar is the mask of no picture that dataset.json names.")
    return found


def _is_beside(name: str) -> bool:
    return name == CLASSES or name.startswith(f"{MASKS}/")


def _unpack(archive: tarfile.TarFile, member: tarfile.TarInfo, path: Path, sha256: str) -> None:
    content = archive.extractfile(member)
    if content is None or member.size > MAX_MEMBER_BYTES:
        raise ImportRefused(f"{member.name} is larger than {MAX_MEMBER_BYTES // 1024 // 1024} MiB.")
    with path.open("wb") as file:
        shutil.copyfileobj(content, file)
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
            raise ImportRefused(f"{member.name} does not have the sha256 that dataset.json names.")


def _move(path: Path, to: Path) -> bool:
    path.replace(to)
    return True
