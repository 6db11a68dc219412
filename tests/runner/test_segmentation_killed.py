"""A segmentation killed with SIGKILL at a random step, and continued from what is on disk, ends with the same bits."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import load_file

from axons_runner.data import TrainingSet
from axons_runner.hyperparameters import Hyperparameters
from tests.runner.drawn import load_masked, masked_hyperparameters, masked_pack
from tests.runner.killing import killed
from tests.runner.test_segmentation import train

if TYPE_CHECKING:
    from axons_runner.engine import Engine

pytestmark = pytest.mark.slow
EPOCHS, STEPS = 3, 9  # 6 pictures in batches of 2


def source_of(folder: Path) -> TrainingSet:
    """The training set, in the child that is killed and here alike."""
    return load_masked(masked_pack(6, 3), folder)


@pytest.mark.parametrize("changes", [{"architecture": "small_unet"}, {"architecture": "lite0_lraspp"}])
def test_killed_at_a_random_step_and_resumed_it_ends_bit_equal(
    changes: dict[str, Any], engine: Engine, cache_dir: Path, tmp_path: Path
) -> None:
    source = source_of(tmp_path)
    changed = masked_hyperparameters(**changes, epochs=EPOCHS, batch_size=2)
    wanted = Hyperparameters.read(changed)
    whole, _ = train(source, engine, tmp_path / "whole", wanted)

    step, at, newest = killed(
        "segmentation", f"{__name__}:source_of", changed, steps=STEPS, cache=cache_dir, folder=tmp_path / "killed"
    )
    torch.manual_seed(random.randint(0, 1 << 30))  # another process has another random state
    resumed, _ = train(source, engine, tmp_path / "resumed", wanted, resume=newest)
    one, two = (load_file(outcome.files["model.safetensors"]) for outcome in (whole, resumed))
    different = [name for name in one if not torch.equal(one[name], two[name])]
    assert different == [], f"killed at step {step}, resumed from step {at}"
