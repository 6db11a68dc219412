"""A training set's manifest: which images, which labels, which split, in which shards. Written last, immutable."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from typing import NotRequired, TypedDict

from axons_service.storage import objects
from axons_service.training_sets.models import TrainingSet

VALIDATION_SHARE = 0.2


class Mask(TypedDict):
    """The PNG that says for every pixel of an image which class it shows."""

    sha256: str
    bytes: int


class Image(TypedDict):
    """One image of a set; `split` is train, validation or test. In a set for segmentation each has a mask.

    `source` is the SHA-256 of the file as it arrived, `dhash` 128 bits in hexadecimal (`picture_worker.dhash`). Sets
    that were frozen by an older service have neither.
    """

    sha256: str
    label: str
    split: str
    name: str
    width: int
    height: int
    source: NotRequired[str]
    dhash: NotRequired[str]
    mask: NotRequired[Mask]


class Shard(TypedDict):
    """A plain tar of `<sha256>.jpg` members, each beside its mask `<mask's sha256>.png` if it has one.

    It may hold images that a manifest does not list; `count` counts images.
    """

    key: str
    sha256: str
    bytes: int
    count: int


class Manifest(TypedDict):
    """`excluded` lists what was left out and may come back, `near_duplicates` groups of content hashes that look alike;
    `task` stands only where it is not classification.

    The schema is docs/manifest.schema.json.
    """

    version: int
    classes: list[str]
    images: list[Image]
    shards: list[Shard]
    excluded: NotRequired[list[Image]]
    near_duplicates: NotRequired[list[list[str]]]
    task: NotRequired[str]


def manifest_encode(manifest: Manifest) -> tuple[bytes, str]:
    """The manifest's canonical JSON and its SHA-256."""
    data = json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    return data, hashlib.sha256(data).hexdigest()


def content_sha256(classes: list[str], images: Iterable[Image]) -> str:
    """What a set teaches, as a hash: its classes and each picture's content, mask, label, split and name.

    Unlike the manifest's own hash it does not depend on where the bytes lie: an exported set that is imported elsewhere
    has the same.
    """
    rows = sorted(_teaches(image) for image in images)
    text = json.dumps([classes, rows], separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _teaches(image: Image) -> list[str]:
    row = [image["sha256"], image["label"], image["split"], image["name"]]
    return [*row, image["mask"]["sha256"]] if "mask" in image else row


def blob_hashes(manifest: Manifest) -> frozenset[str]:
    """Everything that a manifest names by content: pictures and masks, also of what may be taken in again."""
    images = [*manifest["images"], *manifest.get("excluded", [])]
    return frozenset(sha256 for image in images for sha256 in hashes_of(image))


def hashes_of(image: Image) -> set[str]:
    """The hash of an image, and that of its mask where it has one."""
    return {image["sha256"], image["mask"]["sha256"]} if "mask" in image else {image["sha256"]}


def manifest_read(training_set: TrainingSet) -> Manifest:
    """The manifest of a ready set."""
    return manifest_load(training_set.manifest_key, training_set.manifest_sha256)


def stored_bytes(shards: Iterable[Shard], prefix: str) -> int:
    """What a set adds to the store: its own shards (those below `prefix`), and the same pictures once more as blobs."""
    return 2 * sum(shard["bytes"] for shard in shards if shard["key"].startswith(prefix))


def image_counts(images: Iterable[Image], classes: list[str]) -> dict[str, dict[str, int]]:
    """How many images each class has in each split: {label: {split: count}}."""
    counted = Counter((image["label"], image["split"]) for image in images)
    splits = ["test"] if any(split == "test" for _, split in counted) else ["train", "validation"]
    return {label: {split: counted[label, split] for split in splits} for label in classes}


def split_assign(existing: Iterable[Image], added: Iterable[Image]) -> list[Image]:
    """Give every added image its split: a fifth of each class validates, in the order of content hashes.

    Deterministic, and stable: images that were there before keep the split they had, so that no image ever moves
    from validation to training between two versions of a set.
    """
    totals: Counter[str] = Counter()
    validating: Counter[str] = Counter()
    for image in existing:
        totals[image["label"]] += 1
        validating[image["label"]] += image["split"] == "validation"
    assigned: list[Image] = []
    for image in sorted(added, key=lambda each: each["sha256"]):
        label = image["label"]
        totals[label] += 1
        validates = validating[label] + 0.5 <= totals[label] * VALIDATION_SHARE
        validating[label] += validates
        assigned.append({**image, "split": "validation" if validates else "train"})
    return assigned


def split_again(images: Iterable[Image], groups: Iterable[list[str]], *, share: float, seed: int) -> list[Image]:
    """Split a set anew: `share` of each class validates, chosen by `seed`; look-alikes of a class stay together.

    Every class keeps at least one image to train on and, where it has two that do not look alike, one to validate.
    """
    leader = {sha256: group[0] for group in groups for sha256 in group}
    units: dict[str, dict[str, list[str]]] = {}
    listed = list(images)
    for image in sorted(listed, key=lambda each: each["sha256"]):
        unit = leader.get(image["sha256"], image["sha256"])
        units.setdefault(image["label"], {}).setdefault(unit, []).append(image["sha256"])
    validating: set[str] = set()
    for label, members in units.items():
        order = sorted(members, key=lambda unit: hashlib.sha256(f"{seed}:{label}:{unit}".encode()).digest())
        total = sum(len(each) for each in members.values())
        wanted = min(max(round(total * share), 1 if share > 0 else 0), total - 1)
        candidates = order[: len(order) - 1]
        chosen: list[str] = []
        taken = 0
        for unit in candidates:
            if taken + len(members[unit]) <= wanted:
                chosen.append(unit)
                taken += len(members[unit])
        if candidates and not chosen and wanted > 0:
            chosen.append(min(candidates, key=lambda unit: len(members[unit])))
        validating.update(sha256 for unit in chosen for sha256 in members[unit])
    return [{**image, "split": "validation" if image["sha256"] in validating else "train"} for image in listed]


@lru_cache(maxsize=8)
def manifest_load(key: str, sha256: str) -> Manifest:
    """A stored manifest, checked against its hash and remembered: it never changes, and must not be changed."""
    data = objects.get_bytes(key)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ValueError(f"The manifest {key} does not have the hash {sha256} that was recorded for it.")
    manifest: Manifest = json.loads(data)
    return manifest
