"""The images of a ready training set: where each lies, and a page of them with URLs."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from axons_service.operations.cursors import cursor_read, cursor_sign
from axons_service.operations.problems import Problem
from axons_service.storage import keys, objects
from axons_service.training_sets.manifests import Image, blob_hashes, hashes_of, manifest_load, manifest_read
from axons_service.training_sets.models import TrainingSet

PAGE = 48
MAX_PAGE = 200


def image_prefixes(training_set: TrainingSet, hashes: Iterable[str], *, for_staff: bool = False) -> dict[str, str]:
    """The prefix that each of these images lies below; nothing for hashes that the set does not list.

    A project's set shares the blobs of the starter set it grew from. Those of a hidden test set are for staff alone.
    """
    if training_set.kind == TrainingSet.Kind.HIDDEN and not for_staff:
        raise ValueError("A hidden test set has no URLs.")
    listed = _hashes(training_set)
    starter = training_set.starter
    shared = _hashes(starter) if starter is not None else frozenset()
    own = keys.owner_prefix(training_set)
    theirs = keys.owner_prefix(starter) if starter is not None else own
    return {sha256: theirs if sha256 in shared else own for sha256 in hashes if sha256 in listed}


def image_keys(training_set: TrainingSet, hashes: Iterable[str]) -> dict[str, str]:
    """Where each of these images lies in the store."""
    places = image_prefixes(training_set, hashes)
    return {sha256: keys.blob_key(prefix, sha256) for sha256, prefix in places.items()}


def image_urls(training_set: TrainingSet, hashes: Iterable[str]) -> dict[str, str]:
    """Presigned URLs of a set's images by content hash; nothing for hashes that the set does not list."""
    return {sha256: objects.presigned_get(key) for sha256, key in image_keys(training_set, hashes).items()}


def images_page(
    training_set: TrainingSet,
    *,
    label: str | None,
    split: str | None,
    after: str | None,
    limit: int,
    show: str = "all",
    for_staff: bool = False,
) -> dict[str, Any]:
    """A page of images in the manifest's order: {"images", "next"}; `after` is the cursor of the page before.

    `show` is all, excluded (what was left out of this version) or near_duplicates (look-alikes, group by group).
    """
    if training_set.state != TrainingSet.State.READY:
        raise Problem(409, "training_set_not_ready", "This training set is not ready yet. Wait for it, then try again.")
    of = f"images:{training_set.pk}:{show}"
    start = cursor_read(after, of=of)[0] + 1 if after is not None else 0
    manifest = manifest_read(training_set)
    groups = {sha256: number for number, group in enumerate(manifest.get("near_duplicates", []), 1) for sha256 in group}
    images = manifest["images"]
    if show == "excluded":
        images = manifest.get("excluded", [])
    elif show == "near_duplicates":
        alike = [image for image in images if image["sha256"] in groups]
        images = sorted(alike, key=lambda image: (groups[image["sha256"]], image["sha256"]))
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
    hashes = [sha256 for image in page for sha256 in hashes_of(image)]
    places = image_prefixes(training_set, hashes, for_staff=for_staff)
    return {"images": [_output(image, places, groups) for image in page], "next": following}


def _output(image: Image, places: dict[str, str], groups: dict[str, int]) -> dict[str, Any]:
    sha256 = image["sha256"]
    prefix = places[sha256]
    return {
        **{name: image[name] for name in ("sha256", "label", "split", "name", "width", "height")},
        "near_group": groups.get(sha256),
        "url": objects.presigned_get(keys.blob_key(prefix, sha256)),
        "thumbnail_url": objects.presigned_get(keys.thumbnail_key(prefix, sha256)),
        "mask_url": _mask_url(image, places),
    }


def _mask_url(image: Image, places: dict[str, str]) -> str | None:
    """The mask in the colours of its classes, at the picture's full size."""
    if "mask" not in image:
        return None
    sha256 = image["mask"]["sha256"]
    return objects.presigned_get(keys.thumbnail_key(places[sha256], sha256))


def _hashes(training_set: TrainingSet) -> frozenset[str]:
    return _hashes_of(training_set.manifest_key, training_set.manifest_sha256)


@lru_cache(maxsize=8)
def _hashes_of(manifest_key: str, manifest_sha256: str) -> frozenset[str]:
    return blob_hashes(manifest_load(manifest_key, manifest_sha256))
