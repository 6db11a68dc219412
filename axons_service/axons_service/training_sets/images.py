"""The images of a ready training set: where each lies, and a page of them with URLs."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from axons_service.operations.cursors import cursor_read, cursor_sign
from axons_service.operations.problems import Problem
from axons_service.storage import keys, objects
from axons_service.training_sets.manifests import Image, manifest_load, manifest_read
from axons_service.training_sets.models import TrainingSet

PAGE = 48
MAX_PAGE = 200


def image_urls(training_set: TrainingSet, hashes: Iterable[str]) -> dict[str, str]:
    """Presigned URLs of a set's images by content hash; nothing for hashes that the set does not list.

    A project's set shares the blobs of the starter set it grew from. Never call it with a hidden test set.
    """
    if training_set.kind == TrainingSet.Kind.HIDDEN:
        raise ValueError("A hidden test set has no URLs.")
    listed = _hashes(training_set)
    starter = training_set.starter
    shared = _hashes(starter) if starter is not None else frozenset()
    urls: dict[str, str] = {}
    for sha256 in hashes:
        if sha256 in listed:
            owner = starter if starter is not None and sha256 in shared else training_set
            urls[sha256] = objects.presigned_get(keys.blob_key(keys.owner_prefix(owner), sha256))
    return urls


def images_page(
    training_set: TrainingSet, *, label: str | None, split: str | None, after: str | None, limit: int
) -> dict[str, Any]:
    """A page of images in the manifest's order: {"images", "next"}; `after` is the cursor of the page before."""
    if training_set.state != TrainingSet.State.READY:
        raise Problem(409, "training_set_not_ready", "This training set is not ready yet. Wait for it, then try again.")
    of = f"images:{training_set.pk}"
    start = cursor_read(after, of=of)[0] + 1 if after is not None else 0
    images = manifest_read(training_set)["images"]
    page: list[Image] = []
    following, last = None, -1
    for position in range(start, len(images)):
        image = images[position]
        if label not in (None, image["label"]) or split not in (None, image["split"]):
            continue
        if len(page) == limit:
            following = cursor_sign([last], of=of)
            break
        page.append(image)
        last = position
    urls = image_urls(training_set, [image["sha256"] for image in page])
    return {"images": [{**image, "url": urls[image["sha256"]]} for image in page], "next": following}


def _hashes(training_set: TrainingSet) -> frozenset[str]:
    return _hashes_of(training_set.manifest_key, training_set.manifest_sha256)


@lru_cache(maxsize=32)
def _hashes_of(manifest_key: str, manifest_sha256: str) -> frozenset[str]:
    manifest = manifest_load(manifest_key, manifest_sha256)
    return frozenset(image["sha256"] for image in manifest["images"])
