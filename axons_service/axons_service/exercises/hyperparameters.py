"""The knobs of a training job: what an author may allow, and whether a learner's values stay inside."""

import math
from dataclasses import dataclass, replace
from typing import Any

from axons_service.operations.problems import FieldError, Problem

SEED_MAX = 2**31 - 1


@dataclass(frozen=True)
class Knob:
    """A numeric hyperparameter and its bounds: those that no author may pass, or an author's own."""

    title: str
    lowest: float
    highest: float
    whole: bool

    def misfit(self, value: Any) -> str | None:
        """Why the value is none for this knob: a sentence; None when it fits."""
        if not self.is_kind(value):
            return f"{self.title} must be a {'whole ' if self.whole else ''}number."
        if not self.lowest <= value <= self.highest:
            low, high = number(self.lowest), number(self.highest)
            return f"{self.title} must be between {low} and {high}. You asked for {number(value)}."
        return None

    def is_kind(self, value: object) -> bool:
        """Whether the value is a number of the right kind, in range or not."""
        if isinstance(value, bool):
            return False
        return isinstance(value, int) or (not self.whole and isinstance(value, float) and math.isfinite(value))


@dataclass(frozen=True)
class Choice:
    """A hyperparameter with names for values: all that runners know, or those that an author allows."""

    title: str
    values: tuple[str, ...]

    def misfit(self, value: Any) -> str | None:
        """Why the value is none of these: a sentence; None when it is one."""
        if isinstance(value, str) and value in self.values:
            return None
        return f"{self.title} must be one of {', '.join(self.values)}."


@dataclass(frozen=True)
class Switch:
    """A hyperparameter that is on or off."""

    title: str

    def misfit(self, value: Any) -> str | None:
        """Why the value is neither: a sentence; None when it is."""
        return None if isinstance(value, bool) else f"{self.title} must be on or off (true or false)."


KNOBS = {
    "epochs": Knob("Epochs", 1, 500, whole=True),
    "learning_rate": Knob("Learning rate", 0.000001, 1, whole=False),
    "batch_size": Knob("Batch size", 1, 1024, whole=True),
}
SEED = Knob("Seed", 0, SEED_MAX, whole=True)
AUGMENTATION = Switch("Augmentation")

# What a spec may leave out: then learners do not choose it, and the runner does what it did before there was a choice.
FURTHER_KNOBS = {
    "trainable_blocks": Knob("Blocks that learn", 1, 18, whole=True),
    "warmup_epochs": Knob("Warm-up epochs", 0, 50, whole=False),
    "weight_decay": Knob("Weight decay", 0, 1, whole=False),
    "patience": Knob("Patience", 0, 100, whole=True),
    "label_smoothing": Knob("Label smoothing", 0, 0.5, whole=False),
    "gradient_clip": Knob("Gradient clipping", 0, 1000, whole=False),
}
CHOICES = {
    "fine_tuning": Choice("What learns", ("frozen", "partial", "full", "scratch")),
    "optimizer": Choice("Optimizer", ("adamw", "adam", "sgd")),
    "schedule": Choice("Schedule", ("cosine", "constant", "step")),
}
SWITCHES = {
    "class_weights": Switch("Class weights"),
    "flip": Switch("Mirror pictures"),
    "crop": Switch("Crop pictures"),
    "colour": Switch("Tint pictures"),
}
FURTHER = (*FURTHER_KNOBS, *CHOICES, *SWITCHES)


def number(value: float) -> str:
    """A number as people write it: 5, 0.0001, never 1e-04."""
    if isinstance(value, int):
        return str(value) if abs(value) < 10**15 else f"{str(value)[:12]}…"
    return f"{value:.10f}".rstrip("0").rstrip(".") if abs(value) < 1e15 else f"{value:g}"


def hyperparameters_validate(spec_body: dict[str, Any], hyperparameters: dict[str, Any]) -> dict[str, Any]:
    """A training job's hyperparameters, complete: what is left out takes the author's default.

    Raises Problem 422 `hyperparameter_out_of_range` (or `hyperparameters_invalid`), one sentence per wrong value.
    """
    allowed = spec_body["hyperparameters"]
    offered = [*KNOBS, "augmentation", "seed", *(name for name in FURTHER if name in allowed)]
    chosen: dict[str, Any] = {"architecture": spec_body["architectures"][0]}
    chosen |= {name: allowed[name]["default"] for name in offered}
    errors: list[FieldError] = []
    outside = False
    for name, value in hyperparameters.items():
        rule = _rule(name, spec_body)
        sentence = rule if isinstance(rule, str) else rule.misfit(value)
        if sentence is not None:
            errors.append({"field": f"hyperparameters.{name}", "message": sentence})
            outside = outside or (isinstance(rule, Knob) and rule is not SEED and rule.is_kind(value))
        chosen[name] = value
    if errors:
        code = "hyperparameter_out_of_range" if outside else "hyperparameters_invalid"
        raise Problem(422, code, errors[0]["message"], errors)
    return chosen


def _rule(name: str, spec_body: dict[str, Any]) -> Knob | Choice | Switch | str:
    """What the author allows for a hyperparameter; a sentence when that is nothing."""
    allowed = spec_body["hyperparameters"]
    if name == "architecture":
        return Choice("Architecture", tuple(spec_body["architectures"]))
    if name == "augmentation":
        return AUGMENTATION
    if name == "seed":
        return SEED
    known: dict[str, Knob | Choice | Switch] = {**KNOBS, **FURTHER_KNOBS, **CHOICES, **SWITCHES}
    if name not in known:
        return f"There is no hyperparameter named {name}."
    rule = known[name]
    if name not in allowed:
        return f"{rule.title} cannot be chosen in this exercise; leave it out."
    if isinstance(rule, Knob):
        return replace(rule, lowest=allowed[name]["min"], highest=allowed[name]["max"])
    return replace(rule, values=tuple(allowed[name]["allowed"])) if isinstance(rule, Choice) else rule
