"""The ImageFolder layout: `train/<class>/<name>.jpg` and `val/<class>/<name>.jpg`, and what we add to it.

A zip that Axons exported has a manifest.json beside them, from which names, labels and splits come back as they were;
any other zip of folders named as classes can be read too.
"""

import json
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from axons_service.training_sets.archives import ArchiveRefused, member_read
from axons_service.training_sets.manifests import Image
from axons_service.training_sets.services import MAX_LABEL_LENGTH
from axons_service.training_sets.uploads import file_name

MANIFEST = "manifest.json"
FORMAT = "axons-training-set"
FOLDERS = {"train": "train", "validation": "val", "test": "test"}
SPLITS = {"train": "train", "training": "train", "val": "validation", "valid": "validation", "validation": "validation"}
PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".heic", ".heif", ".avif", ".svg")
MAX_PICTURES = 10_000


@dataclass(frozen=True)
class ArchivePicture:
    """A picture in a zip; `split` is empty where the zip does not say."""

    member: zipfile.ZipInfo
    name: str
    label: str
    split: str


def export_paths(images: Iterable[Image], classes: list[str]) -> list[tuple[str, Image]]:
    """Where each image goes in the zip, in the order of the paths. No two paths are equal on any system."""
    folders: dict[str, str] = {}
    for label in classes:
        folders[label] = _unique(safe_name(label) or "class", {each.casefold() for each in folders.values()})
    taken: Counter[str] = Counter()
    placed: list[tuple[str, Image]] = []
    for image in sorted(images, key=lambda each: each["sha256"]):
        stem = safe_name(PurePosixPath(image["name"]).stem) or "picture"
        path = f"{FOLDERS[image['split']]}/{folders[image['label']]}/{stem}.jpg"
        if taken[path.casefold()]:
            path = path.removesuffix(".jpg") + f"-{image['sha256'][:12]}.jpg"
        taken[path.casefold()] += 1
        placed.append((path, image))
    return sorted(placed, key=lambda each: each[0])


def archive_pictures(archive: zipfile.ZipFile, name: str) -> tuple[list[ArchivePicture], list[str]]:
    """The pictures of a zip by path, and its classes in its own order (none when it does not say).

    Raises ArchiveRefused when there is none.
    """
    members = {member.filename: member for member in archive.infolist() if not member.is_dir()}
    pictures: list[ArchivePicture] = []
    manifest = archive_manifest(archive, members)
    known = {each["path"]: each for each in manifest["images"]} if manifest else {}
    for path, member in sorted(members.items()):
        if is_hidden(path) or not path.lower().endswith(PICTURES):
            continue
        said = known.get(path)
        if said is not None:
            picture = ArchivePicture(member, file_name(said["name"]), said["label"], said["split"])
        else:
            label, split = _place(path)
            picture = ArchivePicture(member, file_name(path), label, split)
        if not picture.label:
            sentence = f"{path} in {name} lies in no folder. Put each picture into a folder named as its class."
            raise ArchiveRefused("archive_no_class", sentence)
        pictures.append(picture)
    if not pictures:
        sentence = f"{name} holds no pictures. Put them into one folder for each class, then make the zip again."
        raise ArchiveRefused("archive_empty", sentence)
    present = {each.label for each in pictures}
    order = [label for label in manifest["classes"] if label in present] if manifest else []
    return pictures, [*order, *sorted(present - set(order))]


def _place(path: str) -> tuple[str, str]:
    """Class and split by the two folders above a picture; a folder around everything does not matter."""
    folders = path.split("/")[:-1]
    label = folders[-1] if folders else ""
    split = SPLITS.get(folders[-2].lower(), "") if len(folders) > 1 else ""
    return (label.strip() if is_label(label.strip()) else ""), split


def archive_manifest(archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo]) -> dict[str, Any] | None:
    """Our own manifest, if the zip has one that is well-formed; any other file of this name is left alone."""
    if MANIFEST not in members:
        return None
    try:
        found = json.loads(member_read(archive, members[MANIFEST]))
        if found["format"] != FORMAT:
            return None
        classes = [label for label in found["classes"] if is_label(label)]
        images = [
            {"path": each["path"], "name": each["name"], "label": each["label"], "split": each["split"]}
            for each in found["images"]
            if each["split"] in ("train", "validation") and is_label(each["label"]) and isinstance(each["name"], str)
        ]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return {"classes": classes, "images": images}


def is_label(label: object) -> bool:
    """Whether it can be the name of a class."""
    return (
        isinstance(label, str)
        and 1 <= len(label) <= MAX_LABEL_LENGTH
        and label == label.strip()
        and not any(unicodedata.category(character)[0] == "C" for character in label)
    )


def is_hidden(path: str) -> bool:
    """What systems leave in zips beside the pictures."""
    return any(part.startswith(".") or part == "__MACOSX" for part in path.split("/"))


def safe_name(name: str) -> str:
    """A file name that every system takes."""
    letters = "".join(c if c.isalnum() or c in " ._-()" else "_" for c in unicodedata.normalize("NFC", name))
    return letters.strip(" .")[:100]


def _unique(name: str, taken: set[str]) -> str:
    number, candidate = 2, name
    while candidate.casefold() in taken:
        candidate = f"{name} {number}"
        number += 1
    return candidate
