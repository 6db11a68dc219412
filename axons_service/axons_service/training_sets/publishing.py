"""What becomes of a draft that an author publishes: a set of the library that nothing of the draft can change any more.

The pictures stay the same bytes: the store copies into the library what is not there yet, and shards of the set that
the draft was forked from are named again. Safe to run twice and to kill anywhere: every key follows from content.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any

from axons_service.exercises.task_types import CLASSIFICATION
from axons_service.storage import keys, objects
from axons_service.training_sets import manifests
from axons_service.training_sets.drafts import SetFailed
from axons_service.training_sets.images import image_prefixes
from axons_service.training_sets.manifests import Image, Shard
from axons_service.training_sets.models import TrainingSet

BATCH = 64
GONE = "Some pictures of this draft are not stored any more: it was deleted meanwhile. Publish another version."

Pairs = list[tuple[str, str]]


def published_images(images: Iterable[Image], kind: str) -> list[Image]:
    """The images as the library has them: all of a hidden test set's are there to test on."""
    if kind == TrainingSet.Kind.HIDDEN:
        return [{**image, "split": "test"} for image in images]
    return list(images)


def library_set_build(
    published: TrainingSet, *, hold: Callable[..., None], tick: Callable[..., None], until: float
) -> dict[str, Any] | None:
    """Fill the library with the pictures of the draft; the values of the row that is then ready.

    None when the time `until` came first: `published.checked` of `to_check` objects are there. `hold` writes to the
    row at once, `tick` once a second. Raises SetFailed when the draft's pictures are gone.
    """
    draft = (
        TrainingSet.objects.select_related("project__exercise", "starter")
        .filter(pk=published.request["draft"], purged_at__isnull=True)
        .first()
    )
    if draft is None:
        raise SetFailed(GONE, [])
    try:
        manifest = manifests.manifest_read(draft)
        images = published_images(manifest["images"], published.kind)
        shards, pairs = _shards(manifest["shards"], draft, published)
        pairs += _pictures(images, draft, published)
        hold(to_check=len(pairs))
        for start in range(published.checked, len(pairs), BATCH):
            if time.monotonic() >= until:
                return None
            objects.copies(pairs[start : start + BATCH])
            published.checked = min(start + BATCH, len(pairs))
            tick(checked=published.checked)
    except FileNotFoundError as error:
        raise SetFailed(GONE, []) from error
    return _freeze(published, draft, manifest, images, shards)


def _shards(shards: list[Shard], draft: TrainingSet, published: TrainingSet) -> tuple[list[Shard], Pairs]:
    """The library set's shards, and what has to be copied for them: what the draft itself packed."""
    own, prefix = keys.owner_prefix(draft), keys.training_set_prefix(published)
    placed: list[Shard] = []
    pairs: Pairs = []
    for shard in shards:
        if shard["key"].startswith(own):
            key = f"{prefix}shards/{shard['sha256']}.tar"
            pairs.append((shard["key"], key))
            shard = {**shard, "key": key}
        placed.append(shard)
    return placed, pairs


def _pictures(images: list[Image], draft: TrainingSet, published: TrainingSet) -> Pairs:
    """Pictures and masks, with their thumbnails, that do not lie where the library set looks for them."""
    owner = keys.owner_prefix(published)
    places = image_prefixes(draft, {sha256 for image in images for sha256 in manifests.hashes_of(image)})
    elsewhere = sorted((sha256, prefix) for sha256, prefix in places.items() if prefix != owner)
    return [
        (key(prefix, sha256), key(owner, sha256))
        for sha256, prefix in elsewhere
        for key in (keys.blob_key, keys.thumbnail_key)
    ]


def _freeze(
    published: TrainingSet,
    draft: TrainingSet,
    manifest: manifests.Manifest,
    images: list[Image],
    shards: list[Shard],
) -> dict[str, Any]:
    """Store the manifest, last of all; the values of the row."""
    prefix = keys.training_set_prefix(published)
    classes = manifest["classes"]
    fresh: manifests.Manifest = {"version": 1, "classes": classes, "images": images, "shards": shards}
    if published.task != CLASSIFICATION:
        fresh["task"] = published.task
    is_starter = published.kind == TrainingSet.Kind.STARTER
    if is_starter and "near_duplicates" in manifest:
        fresh["near_duplicates"] = manifest["near_duplicates"]
    data, digest = manifests.manifest_encode(fresh)
    key = f"{prefix}manifest.json"
    objects.put_bytes(key, data, "application/json")
    return {
        "state": TrainingSet.State.READY,
        "classes": classes,
        "counts": manifests.image_counts(images, classes),
        "image_count": len(images),
        "manifest_key": key,
        "manifest_sha256": digest,
        "shards": shards,
        "stored_bytes": manifests.stored_bytes(shards, prefix),
        "warnings": draft.warnings if is_starter else [],
        "message": "",
    }
