"""A training set's manifest: which images, which labels, which split, in which shards. Written last, immutable."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from typing import TypedDict

from axons_service.storage import objects
from axons_service.training_sets.models import TrainingSet

VALIDATION_SHARE = 0.2


class Image(TypedDict):
    """One image of a set; `split` is train, validation or test."""

    sha256: str
    label: str
    split: str
    name: str
    width: int
    height: int


class Shard(TypedDict):
    """A plain tar of `<sha256>.jpg` members; it may hold images that a manifest does not list."""

    key: str
    sha256: str
    bytes: int
    count: int


class Manifest(TypedDict):
    version: int
    classes: list[str]
    images: list[Image]
    shards: list[Shard]


def manifest_encode(manifest: Manifest) -> tuple[bytes, str]:
    """The manifest's canonical JSON and its SHA-256."""
    data = json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    return data, hashlib.sha256(data).hexdigest()


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


@lru_cache(maxsize=32)
def manifest_load(key: str, sha256: str) -> Manifest:
    """A stored manifest, checked against its hash and remembered: it never changes, and must not be changed."""
    data = objects.get_bytes(key)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ValueError(f"The manifest {key} does not have the hash {sha256} that was recorded for it.")
    manifest: Manifest = json.loads(data)
    return manifest
