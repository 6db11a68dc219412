"""A training in two processes learns what one process learns, and a lost process costs no more than its last steps."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import load_file

from axons_runner import context as context_module
from axons_runner import team as team_module
from axons_runner.augmentation import EVERYTHING, vary
from axons_runner.context import Context, Every
from axons_runner.data import TrainingSet, augment, shuffled
from axons_runner.errors import Infrastructure, JobFailure
from axons_runner.hyperparameters import Hyperparameters
from axons_runner.parallel import Team, fitting
from axons_runner.tasks import classification, segmentation
from axons_runner.tasks.common import Outcome
from tests.runner.drawn import load_masked, masked_hyperparameters, masked_pack
from tests.runner.synthetic import hyperparameters, load_pack, make_pack
from tests.runner.test_training import Recorder

if TYPE_CHECKING:
    from axons_runner.engine import Engine

slow = pytest.mark.slow  # each further process imports torch
FIRST_LOSS = 1e-4  # relative: the sums of a batch in another order
CURVE = 2e-2  # relative: each step multiplies the difference that rounding made in the one before


class Killer(Recorder):
    """Kills the second process, as the kernel would, once that many rows of the curve have been reported."""

    def __init__(self, folder: Path, rows: int) -> None:
        super().__init__(folder)
        self.rows = rows
        self.helpers: list[team_module.Helpers] = []

    def event(self, kind: str, data: Mapping[str, Any]) -> None:
        super().event(kind, data)
        if len(self.metrics("train")) == self.rows and self.helpers:
            os.kill(self.helpers.pop().processes[0].pid, signal.SIGKILL)


@pytest.fixture
def two(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> list[team_module.Helpers]:
    """Every training that can be shared is, by two processes; the list holds the further ones."""
    monkeypatch.setattr(engine, "processes", 2)
    started: list[team_module.Helpers] = []
    begin = team_module.Helpers.__init__

    def note(helpers: team_module.Helpers, work: Any) -> None:
        begin(helpers, work)
        started.append(helpers)

    monkeypatch.setattr(team_module.Helpers, "__init__", note)
    return started


@pytest.fixture
def source(tmp_path: Path) -> TrainingSet:
    return load_pack(make_pack(per_class=7, held_out=2), tmp_path)  # batches of 16 and 5: parts of 8, and of 2 and 3


def learn(
    task: Any, source: TrainingSet, engine: Engine, recorder: Recorder, wanted: Hyperparameters,
    resume: Path | None = None,
) -> Outcome:  # fmt: skip
    recorder.folder.mkdir(exist_ok=True)
    context = Context(recorder, recorder.folder, metrics_clock=Every(0))  # a row for each step
    outcome: Outcome = task.train_on(source, wanted, engine, context, resume=resume)
    return outcome


def curve(recorder: Recorder, *names: str) -> list[float]:
    return [row[name] for split in ("train", "validation") for row in recorder.metrics(split) for name in names]


@slow
def test_two_processes_learn_what_one_learns_and_one_of_them_killed_is_our_fault_and_resumed_bit_equal(
    source: TrainingSet, engine: Engine, two: list[team_module.Helpers], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(context_module, "CHECKPOINT_SECONDS", 0.0)  # after every step
    wanted = Hyperparameters.read(
        hyperparameters(epochs=3, batch_size=16, class_weights=True, label_smoothing=0.1, gradient_clip=2.0)
    )
    shared = Recorder(tmp_path / "two")
    whole = load_file(learn(classification, source, engine, shared, wanted).files["model.safetensors"])
    assert len(two) == 1
    assert two[0].processes[0].returncode is not None, "no process is left behind"
    assert any("in 2 processes" in data.get("text", "") for _, data in shared.events)

    monkeypatch.setattr(engine, "processes", 1)
    alone = Recorder(tmp_path / "one")
    learn(classification, source, engine, alone, wanted)
    assert len(two) == 1
    ours, theirs = curve(shared, "loss"), curve(alone, "loss")
    assert len(ours) == len(theirs) == 3 * 2 + 3, "only one process reports"
    assert ours[0] == pytest.approx(theirs[0], rel=FIRST_LOSS)
    assert ours == pytest.approx(theirs, rel=CURVE)
    assert curve(shared, "accuracy")[0] == curve(alone, "accuracy")[0], "that of the whole batch"

    monkeypatch.setattr(engine, "processes", 2)
    killer = Killer(tmp_path / "killed", rows=3)
    monkeypatch.setattr(killer, "helpers", two)
    two.clear()
    with pytest.raises(Infrastructure) as lost:
        learn(classification, source, engine, killer, wanted)
    assert "ended with exit code -9" in lost.value.detail
    saved = killer.checkpoints[-1]
    again = Recorder(tmp_path / "again")
    resumed = load_file(learn(classification, source, engine, again, wanted, saved).files["model.safetensors"])
    assert len(again.metrics("train")) < 6, "it went on where it was"
    assert [name for name in whole if not torch.equal(whole[name], resumed[name])] == []


@slow
def test_two_processes_segment_as_one_does_and_what_one_of_them_cannot_open_is_named(
    engine: Engine, two: list[team_module.Helpers], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    masked = load_masked(masked_pack(20, 2), tmp_path)  # 16, and 4
    wanted = Hyperparameters.read(  # the other process has the frozen layers and their statistics from the first
        masked_hyperparameters(architecture="lite0_lraspp", epochs=1, batch_size=16, class_weights=True)
    )
    shared, alone = Recorder(tmp_path / "two"), Recorder(tmp_path / "one")
    learn(segmentation, masked, engine, shared, wanted)
    monkeypatch.setattr(engine, "processes", 1)
    learn(segmentation, masked, engine, alone, wanted)
    assert len(two) == 1
    ours, theirs = curve(shared, "loss", "miou"), curve(alone, "loss", "miou")
    assert ours[0] == pytest.approx(theirs[0], rel=FIRST_LOSS)
    assert ours == pytest.approx(theirs, rel=CURVE, abs=1e-3)

    monkeypatch.setattr(engine, "processes", 2)
    row = shuffled(20, wanted.seed, 1)[12]  # of the first batch the other process has 8 to 15
    index = masked.by_split["train"][row]
    masked.pictures[index] = replace(masked.pictures[index], mask=masked.pictures[index].sha256)
    unweighted = replace(wanted, class_weights=False)
    named = f"mask of the picture {masked.pictures[index].sha256[:12]}.*cannot be opened"
    with pytest.raises(JobFailure, match=named) as refused:
        learn(segmentation, masked, engine, Recorder(tmp_path / "spoiled"), unweighted)
    assert refused.value.failure_class == "invalid_input"


@pytest.mark.parametrize(
    ("processes", "pictures", "batch_size", "expected"),
    [
        (4, 1000, 32, 4),
        (4, 1000, 16, 2),
        (8, 1000, 8, 1),
        (4, 33, 32, 1),
        (4, 34, 32, 2),
        (1, 64, 64, 1),
        (2, 5, 64, 2),
    ],
)
def test_a_training_takes_no_more_processes_than_its_batches_can_feed(
    processes: int, pictures: int, batch_size: int, expected: int
) -> None:
    assert fitting(processes, pictures, batch_size) == expected


def test_the_parts_of_a_batch_are_varied_as_the_whole_batch_is() -> None:
    pixels = torch.randint(0, 256, (7, 16, 16, 3), dtype=torch.uint8)
    parts = [Team(rank, 3).part(7) for rank in range(3)]
    assert [end - begin for begin, end in parts] == [2, 2, 3]
    mirrored = torch.cat([augment(pixels[b:e], 5, b, 7) for b, e in parts])
    assert torch.equal(mirrored, augment(pixels, 5))
    varied = torch.cat([vary(pixels[b:e], EVERYTHING, 5, b) for b, e in parts])
    assert torch.equal(varied, vary(pixels, EVERYTHING, 5))
