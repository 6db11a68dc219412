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

from axons_service.sites.models import Site
from axons_service.storage import keys, objects
from axons_service.training_sets import manifests
from axons_service.training_sets.checking import File, files_check
from axons_service.training_sets.journal import Finding
from axons_service.training_sets.models import TrainingSet
from axons_service.training_sets.near import near_groups
from axons_service.training_sets.shards import shards_store

MAX_MEMBER_BYTES = 20 * 1024 * 1024


class ImportRefused(Exception):
    """The folder cannot be imported; the sentence says why."""


@dataclass(frozen=True)
class Source:
    """A folder as recipes write it: dataset.json and images.tar in ImageFolder layout."""

    folder: Path
    description: dict[str, Any]
    role: str
    sha256: str


def library_set_import(*, site: Site, folder: Path, role: str | None = None) -> tuple[TrainingSet, bool]:
    """Import a set into the site's library, and whether this made a new version: the same content does not.

    Raises ImportRefused with a sentence.
    """
    source = _source(folder, role)
    name = source.description["name"]
    versions = TrainingSet.objects.filter(site=site, project__isnull=True, name=name)
    known = versions.filter(kind=source.role, source_sha256=source.sha256, state=TrainingSet.State.READY).order_by(
        "-version"
    )
    if (found := known.first()) is not None:
        return found, False
    training_set = TrainingSet(
        site=site,
        kind=source.role,
        name=name,
        title=source.description["title"],
        version=(versions.aggregate(newest=Max("version"))["newest"] or 0) + 1,
        source_sha256=source.sha256,
        licence=source.description.get("licence", ""),
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
    return Source(folder, description, chosen, sha256)


def _credits(source: Source) -> str:
    name = source.description.get("credits")
    for place in (source.folder, source.folder.parent):
        if name and (file := place / Path(name).name).is_file():
            return file.read_text(encoding="utf-8")
    return ""


def _store(training_set: TrainingSet, source: Source, scratch: Path) -> None:
    """Blobs, shards and, last, the manifest."""
    owner = keys.owner_prefix(training_set)
    images: list[manifests.Image] = []
    files: dict[str, Path] = {}
    labels = {image["path"]: image for image in source.description["images"]}
    found: dict[str, tuple[Finding, Path]] = {}
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
        images.append(
            {
                "sha256": sha256,
                "label": labels[path]["label"],
                "split": "test" if source.role == TrainingSet.Kind.HIDDEN else "",
                "name": path.rsplit("/", 1)[-1],
                "width": finding["width"],
                "height": finding["height"],
                "source": labels[path]["sha256"],
                "dhash": finding["dhash"],
            }
        )
    if source.role == TrainingSet.Kind.STARTER:
        images = manifests.split_assign([], images)
    images.sort(key=lambda image: (image["label"], image["sha256"]))
    prefix = keys.training_set_prefix(training_set)
    sizes = [(sha256, file.stat().st_size) for sha256, file in files.items()]
    shards = shards_store(sizes, read=lambda sha256: files[sha256].read_bytes(), prefix=prefix, scratch=scratch)
    classes = list(source.description["classes"])
    manifest: manifests.Manifest = {"version": 1, "classes": classes, "images": images, "shards": shards}
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
        for number, member in enumerate(archive):
            if not member.isfile():
                continue
            image = labels.get(member.name)
            if image is None or image["label"] not in source.description["classes"]:
                raise ImportRefused(f"images.tar holds {member.name}, which dataset.json does not name with a class.")
            content = archive.extractfile(member)
            if content is None or member.size > MAX_MEMBER_BYTES:
                raise ImportRefused(f"{member.name} is larger than {MAX_MEMBER_BYTES // 1024 // 1024} MiB.")
            path = scratch / f"{number}.member"
            with path.open("wb") as file:
                shutil.copyfileobj(content, file)
            with path.open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != image["sha256"]:
                    raise ImportRefused(f"{member.name} does not have the sha256 that dataset.json names.")
            yield File(member.name, member.name, partial(_move, path), keep=True)


def _move(path: Path, to: Path) -> bool:
    path.replace(to)
    return True
