"""The layout of sets for segmentation: `images/NAME.jpg`, `masks/NAME.png` and `classes.txt`, in zips and bundles.

Line i of classes.txt names the class that pixels of the value i show. A zip that Axons exported has a manifest.json
beside them, from which names and splits come back as they were.
"""

import zipfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from axons_service.training_sets.archives import ArchiveRefused, member_read
from axons_service.training_sets.layout import PICTURES, archive_manifest, is_hidden, is_label, safe_name
from axons_service.training_sets.manifests import Image
from axons_service.training_sets.palette import MAX_CLASSES
from axons_service.training_sets.uploads import file_name

CLASSES = "classes.txt"
IMAGES, MASKS = "images", "masks"


@dataclass(frozen=True)
class MaskedPicture:
    """A picture in a zip and its mask; `split` is empty where the zip does not say."""

    member: zipfile.ZipInfo
    mask: zipfile.ZipInfo
    name: str
    split: str


@dataclass(frozen=True)
class Refusal:
    """A file of a zip that cannot be used, found before any is unpacked."""

    name: str
    code: str
    reason: str


@dataclass
class MaskedArchive:
    """What a zip of pictures and masks holds."""

    classes: list[str]
    pictures: list[MaskedPicture] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)


def archive_masks(archive: zipfile.ZipFile, name: str) -> MaskedArchive:
    """The pictures of a zip with their masks, by path; a folder around everything does not matter.

    Raises ArchiveRefused when there is no classes.txt, when it cannot be used, and when there is no picture.
    """
    members = {each.filename: each for each in archive.infolist() if not each.is_dir() and not is_hidden(each.filename)}
    lists = sorted((path for path in members if PurePosixPath(path).name == CLASSES), key=lambda path: path.count("/"))
    if not lists:
        sentence = (
            f"{name} has no {CLASSES}. Put a folder {IMAGES}, a folder {MASKS} and a text file {CLASSES} into the zip; "
            "line 1 of it names the class of the value 0, line 2 that of the value 1, and so on."
        )
        raise ArchiveRefused("archive_no_classes", sentence)
    root = lists[0].removesuffix(CLASSES)
    found = MaskedArchive(classes_read(member_read(archive, members[lists[0]]), lists[0]))
    manifest = archive_manifest(archive, members)
    known = {each["path"]: each for each in manifest["images"]} if manifest else {}
    masks = {path: member for path, member in members.items() if path.startswith(f"{root}{MASKS}/")}
    for path, member in sorted(members.items()):
        if not path.startswith(f"{root}{IMAGES}/") or not path.lower().endswith(PICTURES):
            continue
        wanted = f"{root}{MASKS}/{_stem(path.removeprefix(f'{root}{IMAGES}/'))}.png"
        mask = masks.pop(wanted, None)
        if mask is not None:
            said = known.get(path, {"name": path, "split": ""})
            found.pictures.append(MaskedPicture(member, mask, file_name(said["name"]), said["split"]))
        elif any(each.mask.filename == wanted for each in found.pictures):
            reason = f"{path} has the same name as another picture, so that {wanted} would be the mask of both."
            found.refused.append(Refusal(path, "mask_shared", f"{reason} Rename one of them and its mask."))
        else:
            reason = f"{path} has no mask. Add {wanted}, or leave the picture out."
            found.refused.append(Refusal(path, "mask_missing", reason))
    for path in sorted(masks):
        reason = f"{path} is the mask of no picture: there is no {root}{IMAGES}/{_stem(PurePosixPath(path).name)}.jpg."
        found.refused.append(Refusal(path, "picture_missing", reason))
    if not found.pictures and not found.refused:
        sentence = f"{name} holds no pictures. Put them into the folder {IMAGES}, and their masks into {MASKS}."
        raise ArchiveRefused("archive_empty", sentence)
    return found


def classes_read(data: bytes, path: str) -> list[str]:
    """The classes that a classes.txt names. Raises ArchiveRefused with a sentence for one that cannot be used."""
    try:
        lines = data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ArchiveRefused("archive_classes", f"{path} is not a text in UTF-8. Save it as one.") from error
    while lines and not lines[-1].strip():
        lines.pop()
    classes = [line.strip() for line in lines]
    if not 2 <= len(classes) <= MAX_CLASSES:
        sentence = f"{path} names {len(classes)} classes, one a line. Needed are 2 to {MAX_CLASSES}."
        raise ArchiveRefused("archive_classes", sentence)
    for number, label in enumerate(classes, start=1):
        if not is_label(label):
            raise ArchiveRefused("archive_classes", f"Line {number} of {path} is no name of a class: 1 to 60 letters.")
        if classes.index(label) != number - 1:
            raise ArchiveRefused("archive_classes", f"{path} names {label} twice.")
    return classes


def masked_paths(images: Iterable[Image]) -> list[tuple[str, str, Image]]:
    """Where each image and its mask go in a zip, in the order of the paths. No two paths are equal on any system."""
    taken: Counter[str] = Counter()
    placed: list[tuple[str, str, Image]] = []
    for image in sorted(images, key=lambda each: each["sha256"]):
        stem = safe_name(PurePosixPath(image["name"]).stem) or "picture"
        if taken[stem.casefold()]:
            stem = f"{stem}-{image['sha256'][:12]}"
        taken[stem.casefold()] += 1
        placed.append((f"{IMAGES}/{stem}.jpg", f"{MASKS}/{stem}.png", image))
    return sorted(placed, key=lambda each: each[0])


def classes_text(classes: list[str]) -> bytes:
    """A classes.txt."""
    return "".join(f"{label}\n" for label in classes).encode()


def _stem(path: str) -> str:
    return path.rpartition(".")[0] or path
