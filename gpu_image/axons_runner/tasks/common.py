"""What the task types share: the outcome of a job, what it begins from, pictures held out, the sheet of variations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from axons_runner.context import Context
from axons_runner.data import TrainingSet, fetch_training_set
from axons_runner.engine import Engine
from axons_runner.errors import Infrastructure, InvalidInput
from axons_runner.modelfile import LoadedModel

HELD_OUT_PART = 5  # without validation pictures of its own, every fifth picture of a class is held out


@dataclass
class Outcome:
    """A job's result and the files that belong to it, by name."""

    result: dict[str, Any]
    files: dict[str, Path] = field(default_factory=dict)


def checkpoint_of(assignment: Mapping[str, Any], engine: Engine, context: Context) -> Path | None:
    """The checkpoint to resume from. One that cannot be had costs its steps again, never the job."""
    resume = assignment.get("resume")
    if not resume:
        return None
    try:
        return engine.files.fetch(resume["file"])
    except Infrastructure as failure:
        context.log(f"The checkpoint of step {resume['step']} cannot be read, so the training begins anew: {failure}")
        return None


def fetch(assignment: Mapping[str, Any], engine: Engine, context: Context) -> TrainingSet:
    """Fetch the assignment's set of pictures. Raises Infrastructure, InvalidInput."""
    context.progress("fetching", 0, 1, "files")
    return fetch_training_set(assignment["training_set"], engine.files)


def insist_on_the_classes(model: LoadedModel, source: TrainingSet) -> None:
    """Raise InvalidInput when the model names other classes than the test set."""
    if set(source.classes) != set(model.classes):
        raise InvalidInput("The model was trained on other classes than those of the test set, so it cannot be scored.")


def add_sheet(files: dict[str, Path], sheet: bytes | None, context: Context) -> None:
    """Put the sheet of varied pictures, where there is one, among the model's files."""
    if sheet is not None:
        files["augmentation.jpg"] = context.work_dir / "augmentation.jpg"
        files["augmentation.jpg"].write_bytes(sheet)


def hold_out(source: TrainingSet, context: Context) -> None:
    """Hold every fifth training picture of each class out for validation, when the set has no validation pictures."""
    if source.by_split.get("validation"):
        return
    counts: dict[int, int] = {}
    train: list[int] = []
    held_out: list[int] = []
    for index in sorted(source.by_split.get("train", []), key=lambda i: source.pictures[i].sha256):
        label = source.pictures[index].label
        counts[label] = counts.get(label, 0) + 1
        (held_out if counts[label] % HELD_OUT_PART == 0 else train).append(index)
    source.by_split |= {"train": sorted(train), "validation": sorted(held_out)}
    context.log(f"This set has no validation pictures: {len(held_out)} of its training pictures are held out.")
