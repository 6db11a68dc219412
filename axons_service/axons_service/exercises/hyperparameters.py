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


KNOBS = {
    "epochs": Knob("Epochs", 1, 500, whole=True),
    "learning_rate": Knob("Learning rate", 0.000001, 1, whole=False),
    "batch_size": Knob("Batch size", 1, 1024, whole=True),
}
SEED = Knob("Seed", 0, SEED_MAX, whole=True)


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
    chosen: dict[str, Any] = {"architecture": spec_body["architectures"][0]}
    chosen |= {name: allowed[name]["default"] for name in (*KNOBS, "augmentation", "seed")}
    errors: list[FieldError] = []
    outside = False
    for name, value in hyperparameters.items():
        sentence: str | None
        if name in KNOBS:
            low, high = allowed[name]["min"], allowed[name]["max"]
            knob = replace(KNOBS[name], lowest=low, highest=high)
            sentence = knob.misfit(value)
            outside = outside or (sentence is not None and knob.is_kind(value))
        elif name == "architecture":
            names = spec_body["architectures"]
            sentence = None if value in names else f"Architecture must be one of {', '.join(names)}."
        elif name == "augmentation":
            sentence = None if isinstance(value, bool) else "Augmentation must be on or off (true or false)."
        elif name == "seed":
            sentence = SEED.misfit(value)
        else:
            sentence = f"There is no hyperparameter named {name}."
        if sentence is not None:
            errors.append({"field": f"hyperparameters.{name}", "message": sentence})
        chosen[name] = value
    if errors:
        code = "hyperparameter_out_of_range" if outside else "hyperparameters_invalid"
        raise Problem(422, code, errors[0]["message"], errors)
    return chosen
