"""The author's configuration of an exercise. The service validates it; the XBlock only carries it."""

from __future__ import annotations

import copy
import hashlib
import json
from typing import Any

from xblock.fields import Dict

from axons_xblock.errors import gettext_noop

Spec = dict[str, Any]

_HYPERPARAMETERS: Spec = {
    "epochs": {"min": 1, "max": 40, "default": 15},
    "learning_rate": {"min": 0.0001, "max": 0.1, "default": 0.003},
    "batch_size": {"min": 8, "max": 128, "default": 32},
    "augmentation": {"default": True},
    "seed": {"default": 0},
}

_DEFAULT: Spec = {
    "version": 1,
    "kind": "training",
    "task": "classification",
    "starter_set": None,
    "hidden_test_set": None,
    "model": None,
    "own_pictures": True,
    "architectures": ["efficientnet_lite0", "small_cnn"],
    "hyperparameters": _HYPERPARAMETERS,
    "pool": "cpu",
    "time_limit_minutes": 20,
    "max_tries": 3,
    "grading": None,  # needs a hidden test set, which only the author can choose
}

_GRADING: Spec = {
    "metric": "accuracy",
    "thresholds": [{"at_least": 0.5, "score": 0.5}, {"at_least": 0.9, "score": 1.0}],
}


_STEPS = [
    {"at_least": 0.6, "score": 0.25},
    {"at_least": 0.75, "score": 0.5},
    {"at_least": 0.9, "score": 0.75},
    {"at_least": 0.95, "score": 1.0},
]


_MASK_GRADING: Spec = {
    "metric": "miou",
    "thresholds": [{"at_least": 0.3, "score": 0.5}, {"at_least": 0.6, "score": 1.0}],
}


class SpecField(Dict):
    """A dict that travels through OLX as JSON in an element of its own.

    The field's parent class reads strings as YAML, to which the number `1e-05` is a string: the spec's hash would not
    survive an export and import.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(xml_node=True, **kwargs)

    def to_string(self, value: Spec | None) -> str:
        """The spec as indented JSON, keys sorted: readable, and stable in version control."""
        return json.dumps(value or {}, indent=2, sort_keys=True, ensure_ascii=False)

    def from_string(self, serialized: str | None) -> Spec | None:
        """The spec of a JSON text; raises `ValueError` when it is not a JSON object."""
        value = json.loads(serialized or "{}")
        if not isinstance(value, dict):
            raise ValueError("The spec of an Axons exercise must be a JSON object.")
        return value


def default_spec() -> Spec:
    """A new exercise: training on the student's own pictures, not graded until the author chooses how."""
    return copy.deepcopy(_DEFAULT)


def canonical_json(spec: Spec) -> str:
    """The one text of a spec: sorted keys, no spaces, not escaped."""
    return json.dumps(spec, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def spec_hash(spec: Spec) -> str:
    """What identifies a spec: the SHA-256 of its canonical JSON, in hex."""
    return hashlib.sha256(canonical_json(spec).encode()).hexdigest()


def templates() -> list[dict[str, Any]]:
    """Starting points for an author. Names and descriptions are English; the caller translates them."""
    transfer = default_spec() | {"grading": copy.deepcopy(_GRADING)}
    transfer["architectures"] = ["efficientnet_lite0"]
    transfer["hyperparameters"]["epochs"] = {"min": 1, "max": 20, "default": 10}
    transfer["time_limit_minutes"] = 10
    own = default_spec() | {"grading": copy.deepcopy(_GRADING)}
    own["architectures"] = ["efficientnet_lite0"]
    own["hyperparameters"]["epochs"] = {"min": 1, "max": 30, "default": 15}
    baseline = default_spec() | {"grading": {"metric": "accuracy", "thresholds": copy.deepcopy(_STEPS)}, "max_tries": 5}
    baseline["leaderboard"] = True
    scratch = default_spec() | {"grading": copy.deepcopy(_GRADING)}
    scratch["architectures"] = ["small_cnn", "efficientnet_lite0"]
    scratch["hyperparameters"]["epochs"] = {"min": 1, "max": 60, "default": 30}
    masks = default_spec() | {"task": "segmentation", "grading": copy.deepcopy(_MASK_GRADING)}
    masks["architectures"] = ["lite0_lraspp", "small_unet"]
    masks["hyperparameters"]["epochs"] = {"min": 1, "max": 40, "default": 12}
    masks["hyperparameters"]["batch_size"] = {"min": 4, "max": 32, "default": 8}
    supplied = default_spec()
    supplied.update(kind="inference", architectures=[], max_tries=0)
    return [
        {
            "name": "transfer_learning",
            "title": gettext_noop("Transfer learning in ten minutes"),
            "description": gettext_noop(
                "Students teach a network that already knows pictures to tell new classes apart, and hand it in."
            ),
            "spec": transfer,
        },
        {
            "name": "own_data",
            "title": gettext_noop("Collect your own data"),
            "description": gettext_noop(
                "Students photograph what they want told apart, sort and label it, and learn what makes a good set."
            ),
            "spec": own,
        },
        {
            "name": "beat_the_baseline",
            "title": gettext_noop("Beat the baseline"),
            "description": gettext_noop(
                "Everyone starts from the same pictures; points rise in four steps, up to 95 % of the hidden test set."
            ),
            "spec": baseline,
        },
        {
            "name": "from_scratch",
            "title": gettext_noop("From scratch, then transfer learning"),
            "description": gettext_noop(
                "Students train a small network from nothing, then see how much a pretrained one gains."
            ),
            "spec": scratch,
        },
        {
            "name": "segment_it",
            "title": gettext_noop("Segment it"),
            "description": gettext_noop(
                "Students teach a network to mark every pixel of a picture, on your pictures and masks."
            ),
            "spec": masks,
        },
        {
            "name": "supplied_model",
            "title": gettext_noop("Try a supplied model"),
            "description": gettext_noop(
                "Students try your model on pictures of their own and see what it looks at. Not graded."
            ),
            "spec": supplied,
        },
    ]
