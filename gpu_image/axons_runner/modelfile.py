"""A model on disk: ``model.safetensors`` and ``model.json``, validated before anything is computed with them.

With a frozen backbone the safetensors hold only what was trained (``head.weight``, ``head.bias``).
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from axons_runner.backbones import ARCHITECTURES, HALF, LITE0_CHANNELS, Classifier, architectures, untrained
from axons_runner.errors import InvalidInput
from axons_runner.segmenters import Segmenter, lite0_lraspp, untrained_segmenter

FORMAT = 1
MEAN = STD = HALF  # of the networks that this package brings
MAX_CLASSES = {"classification": 1000, "segmentation": 255}


@dataclass
class LoadedModel:
    """A network in evaluation mode, with what its model.json says of it."""

    network: Any  # a Classifier or a Segmenter, as ``task`` says
    description: dict[str, Any]
    bytes: int

    @property
    def classes(self) -> list[str]:
        return list(self.description["classes"])

    @property
    def task(self) -> str:
        return str(self.description["task"])

    @property
    def preprocessing(self) -> dict[str, Any]:
        return dict(self.description["preprocessing"])

    @property
    def frozen(self) -> bool:
        return self.description["backbone"] is not None


@dataclass
class FrozenBackbone:
    """The shared feature extractor of all frozen models: one copy in memory, however many heads."""

    features: torch.nn.Module
    name: str
    weights_sha256: str

    def description(self) -> dict[str, Any]:
        """Return the ``backbone`` entry of model.json."""
        return {"name": self.name, "weights_sha256": self.weights_sha256, "frozen": True}


def preprocessing(architecture: str) -> dict[str, Any]:
    """Return the ``preprocessing`` entry of model.json."""
    about = ARCHITECTURES[architecture]
    return {"image_size": about["image_size"], "resize": "squash", "mean": about["mean"], "std": about["std"]}


def model_bytes(network: Classifier | Segmenter, *, frozen: bool) -> bytes:
    """Return the content of model.safetensors."""
    tensors = {k: v.detach().cpu().contiguous() for k, v in network.state_dict().items()}
    return save({k: v for k, v in tensors.items() if not frozen or k.startswith("head.")}, {"format": "pt"})


def load_model(description: bytes, weights: bytes, backbone: FrozenBackbone) -> LoadedModel:
    """Return the model of these two files. Raises InvalidInput with what is wrong in a sentence."""
    try:
        card = json.loads(description)
    except ValueError as error:
        raise InvalidInput("This model cannot be used: its model.json is not JSON.") from error
    _check(card, backbone)
    classes = len(card["classes"])
    network: Classifier | Segmenter
    if card["task"] == "segmentation":
        shared = lite0_lraspp(classes, backbone.features) if card["backbone"] else None
        network = shared or untrained_segmenter(card["architecture"], classes)
    elif card["backbone"]:
        network = Classifier(backbone.features, LITE0_CHANNELS, classes)
    else:
        network = untrained(card["architecture"], classes)
    expected = network.state_dict()
    if card["backbone"]:
        expected = {k: v for k, v in expected.items() if k.startswith("head.")}
    try:
        tensors = load(weights)
    except SafetensorError as error:
        raise InvalidInput("This model cannot be used: its model.safetensors is damaged.") from error
    if {k: v.shape for k, v in tensors.items()} != {k: v.shape for k, v in expected.items()}:
        raise InvalidInput("This model cannot be used: its weights do not have the shapes its model.json promises.")
    if not all(bool(v.isfinite().all()) for v in tensors.values()):
        raise InvalidInput("This model cannot be used: some of its weights are not numbers.")
    network.load_state_dict(tensors, strict=not card["backbone"])
    return LoadedModel(network.eval().requires_grad_(False), card, len(weights))


def _check(card: Any, backbone: FrozenBackbone) -> None:
    def insist(true: bool, problem: str) -> None:
        if not true:
            raise InvalidInput(f"This model cannot be used: {problem}.")

    insist(isinstance(card, dict) and card.get("format") == FORMAT, "its model.json has another format")
    most = MAX_CLASSES.get(str(card.get("task")), 0)
    insist(most > 0, f"its task is not one of {' and '.join(MAX_CLASSES)}")
    insist(card.get("architecture") in architectures(card["task"]), f"its architecture is not known for {card['task']}")
    classes = card.get("classes")
    insist(isinstance(classes, list) and 2 <= len(classes) <= most, f"it needs between 2 and {most:,} classes")
    insist(all(isinstance(c, str) and c for c in classes) and len(set(classes)) == len(classes), "its classes repeat")
    settings = card.get("preprocessing")
    insist(isinstance(settings, dict), "its model.json says nothing of the preprocessing")
    expected = ARCHITECTURES[card["architecture"]]
    insist(settings.get("image_size") == expected["image_size"], "its image size does not fit its architecture")
    insist(settings.get("resize") == "squash", "it resizes pictures in an unknown way")
    for name in ("mean", "std"):
        values = settings.get(name)
        good = isinstance(values, list) and len(values) == 3 and all(_number(v) for v in values)
        insist(good and (name == "mean" or min(values) > 0), f"its {name} is not three numbers")
    if expected["shared"] and card.get("backbone") is not None:
        insist(card["backbone"] == backbone.description(), "it was made for other backbone weights")
        insist(settings["mean"] == MEAN and settings["std"] == STD, "its preprocessing does not fit its backbone")
    else:
        insist(card.get("backbone") is None, "its architecture has no backbone to share")


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
