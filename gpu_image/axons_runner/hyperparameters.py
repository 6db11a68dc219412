"""A training job's settings: which network, how much of it learns, and how."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, get_type_hints

from axons_runner.errors import InvalidInput

FINE_TUNING = ("frozen", "partial", "full", "scratch")
OPTIMIZERS = ("adamw", "adam", "sgd")
SCHEDULES = ("cosine", "constant", "step")


@dataclass(frozen=True)
class Hyperparameters:
    """Within any author's bounds; what is not named takes the value that it had before it could be chosen.

    ``fine_tuning`` is for networks with published weights: only a new head learns (``frozen``), also the last
    ``trainable_blocks`` (``partial``), everything (``full``), or everything from random weights (``scratch``).
    ``warmup_epochs`` rise to the learning rate in a line; ``patience`` in epochs, 0 for all epochs;
    ``gradient_clip`` is the largest norm of all gradients together, 0 for no bound.
    ``augmentation`` varies the pictures; ``flip``, ``crop`` and ``colour`` say how, where the network learns from
    pixels. None of the three named: small_cnn mirrors and shifts, the others do all three.
    """

    architecture: str
    epochs: int
    learning_rate: float
    batch_size: int
    augmentation: bool
    seed: int
    fine_tuning: str = "frozen"
    trainable_blocks: int = 3
    optimizer: str = "adamw"
    schedule: str = "cosine"
    warmup_epochs: float = 0.0
    weight_decay: float = 0.01
    patience: int = 0
    label_smoothing: float = 0.0
    gradient_clip: float = 0.0
    class_weights: bool = False
    flip: bool | None = None
    crop: bool | None = None
    colour: bool | None = None

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Hyperparameters:
        """Return the settings of an assignment. Raises InvalidInput for what no spec can have allowed."""
        kinds = get_type_hints(cls)
        try:
            given = {
                f.name: _kind(kinds[f.name])(values[f.name])
                for f in fields(cls)
                if f.name in values or f.name in REQUIRED
            }
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidInput("The hyperparameters of this job are not complete.") from error
        settings = cls(**given)
        for name, allowed in (("fine_tuning", FINE_TUNING), ("optimizer", OPTIMIZERS), ("schedule", SCHEDULES)):
            if getattr(settings, name) not in allowed:
                raise InvalidInput(
                    f"This runner knows no {name.replace('_', ' ')} named “{getattr(settings, name)}”; "
                    f"known are {', '.join(allowed)}."
                )
        if not (settings.epochs >= 1 and settings.batch_size >= 1 and 0 < settings.learning_rate < math.inf):
            raise InvalidInput("Epochs, batch size and learning rate must be greater than zero.")
        least_zero = (settings.warmup_epochs, settings.weight_decay, settings.patience, settings.gradient_clip)
        if not (all(0 <= v < math.inf for v in least_zero) and 0 <= settings.label_smoothing < 1):
            raise InvalidInput("A hyperparameter is below zero, or label smoothing is not below one.")
        if settings.trainable_blocks < 1:
            raise InvalidInput("At least one block must be trainable.")
        return settings

    @property
    def variations(self) -> tuple[str, ...] | None:
        """How pixels are varied, of flip, crop and colour; None where the job names none of them."""
        named = {name: getattr(self, name) for name in ("flip", "crop", "colour")}
        if all(value is None for value in named.values()):
            return None
        return tuple(name for name, value in named.items() if value)


REQUIRED = ("architecture", "epochs", "learning_rate", "batch_size", "augmentation", "seed")


def _kind(hint: Any) -> type:
    """Return what a value is turned into: the type, or that of an optional one."""
    return hint if isinstance(hint, type) else bool


def fingerprint(settings: Hyperparameters, classes: list[str], manifest_sha256: str) -> str:
    """Return what a checkpoint must agree with to be continued (sha256, hex)."""
    text = json.dumps([vars(settings), classes, manifest_sha256], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
