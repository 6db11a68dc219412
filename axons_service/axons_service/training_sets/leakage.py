"""Which pictures of a training set are in the hidden test set that scores it. The answers are for staff alone."""

import logging
from typing import TypedDict

from axons_service.training_sets.manifests import Image, manifest_read
from axons_service.training_sets.models import LeakageCheck, TrainingSet
from axons_service.training_sets.near import NearIndex
from axons_service.training_sets.selectors import hidden_set_of

MAX_MATCHES = 200

logger = logging.getLogger(__name__)


class Match(TypedDict):
    """A picture of the training set, and the hidden one that it is (exact) or looks like (near; bits that differ)."""

    sha256: str
    name: str
    label: str
    hidden_name: str
    hidden_label: str
    kind: str
    distance: int


def leakage_find(images: list[Image], hidden: list[Image]) -> list[Match]:
    """Every image that is in, or almost in, the hidden images; exact matches first, then the closest."""
    by_hash: dict[str, Image] = {}
    index = NearIndex()
    for image in hidden:
        by_hash[image["sha256"]] = by_hash[image.get("source", image["sha256"])] = image
        if image.get("dhash"):
            index.add(image["sha256"], image["dhash"])
    found: list[Match] = []
    for image in images:
        exact = by_hash.get(image["sha256"]) or by_hash.get(image.get("source", ""))
        near = index.matches(image["dhash"])[:1] if exact is None and image.get("dhash") else []
        if exact is None and not near:
            continue
        other = exact if exact is not None else by_hash[near[0][0]]
        found.append(
            {
                "sha256": image["sha256"],
                "name": image["name"],
                "label": image["label"],
                "hidden_name": other["name"],
                "hidden_label": other["label"],
                "kind": "near" if exact is None else "exact",
                "distance": near[0][1] if exact is None else 0,
            }
        )
    return sorted(found, key=lambda each: (each["kind"], each["distance"], each["sha256"]))


def leakage_check(training_set: TrainingSet, *, images: list[Image] | None = None) -> LeakageCheck | None:
    """The stored check of a set against its exercise's hidden test set, made now when there is none yet.

    `images` spares reading the manifest. None when the exercise has no hidden test set, or when that cannot be read
    (which is logged, and no fault of the learner's).
    """
    hidden = hidden_set_of(training_set)
    if hidden is None:
        return None
    known = LeakageCheck.objects.filter(training_set=training_set, hidden=hidden).first()
    if known is not None:
        return known
    try:
        matches = leakage_find(
            images if images is not None else manifest_read(training_set)["images"], manifest_read(hidden)["images"]
        )
    except (FileNotFoundError, ValueError):
        logger.exception("training set %s could not be compared with the hidden set %s", training_set.pk, hidden.pk)
        return None
    exact = sum(each["kind"] == "exact" for each in matches)
    return LeakageCheck.objects.get_or_create(
        training_set=training_set,
        hidden=hidden,
        defaults={"exact": exact, "near": len(matches) - exact, "matches": matches[:MAX_MATCHES]},
    )[0]
