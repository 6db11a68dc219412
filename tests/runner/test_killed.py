"""A training killed with SIGKILL at a random step, and continued from what is on disk, ends with the same bits."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

from axons_runner.data import TrainingSet
from axons_runner.hyperparameters import Hyperparameters
from tests.runner.killing import killed
from tests.runner.synthetic import Pack, hyperparameters, load_pack, make_pack
from tests.runner.test_training import train

if TYPE_CHECKING:
    from axons_runner.engine import Engine

pytestmark = pytest.mark.slow
EPOCHS, STEPS = 3, 18  # 48 pictures in batches of 8


def source_of(folder: Path) -> TrainingSet:
    """The training set, in the child that is killed and here alike."""
    return load_pack(make_pack(per_class=16, held_out=4), folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"architecture": "small_cnn"},
        {"architecture": "efficientnet_lite0"},
        {"architecture": "efficientnet_lite0", "fine_tuning": "partial", "patience": 2, "optimizer": "sgd"},
    ],
)
def test_killed_at_a_random_step_and_resumed_it_ends_bit_equal(
    changes: dict[str, Any], pack: Pack, engine: Engine, cache_dir: Path, tmp_path: Path
) -> None:
    source = load_pack(pack, tmp_path)
    changes = changes | {"epochs": EPOCHS}
    wanted = Hyperparameters.read(hyperparameters(**changes))
    whole, _ = train(source, engine, tmp_path / "whole", wanted)

    step, at, newest = killed(
        "classification",
        f"{__name__}:source_of",
        hyperparameters(**changes),
        steps=STEPS,
        cache=cache_dir,
        folder=tmp_path / "killed",
    )
    torch.manual_seed(random.randint(0, 1 << 30))  # another process has another random state
    resumed, recorder = train(source, engine, tmp_path / "resumed", wanted, resume=newest)
    assert min(row["step"] for row in recorder.metrics("train")) > at
    different = [name for name in whole if not torch.equal(whole[name], resumed[name])]
    assert different == [], f"killed at step {step}, resumed from step {at}"
