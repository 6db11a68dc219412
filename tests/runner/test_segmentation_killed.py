"""A segmentation killed with SIGKILL at a random step, and continued from what is on disk, ends with the same bits."""

from __future__ import annotations

import json
import random
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import load_file

from axons_runner.hyperparameters import Hyperparameters
from tests.runner.drawn import load_masked, masked_hyperparameters, masked_pack
from tests.runner.test_segmentation import train

if TYPE_CHECKING:
    from axons_runner.engine import Engine

pytestmark = pytest.mark.slow
EPOCHS, STEPS = 3, 9  # 6 pictures in batches of 2
CHILD = """
import json, sys, time
from pathlib import Path
from axons_runner.process import prepare
prepare()
from axons_runner import context
from axons_runner.context import Context
from axons_runner.engine import Engine
from axons_runner.tasks import segmentation
from axons_runner.hyperparameters import Hyperparameters
from tests.runner.drawn import load_masked, masked_pack

cache, folder, wanted = Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3])
context.CHECKPOINT_SECONDS = 0.0  # after every step

class Keeper:
    def event(self, kind, data): pass
    def stop_reason(self): return None
    def checkpoint(self, path, step, epoch):
        path.rename(folder / f"{step:05}.kept")
        print(step, flush=True)
        time.sleep(0.1)

source = load_masked(masked_pack(6, 3), folder)
segmentation.train_on(source, Hyperparameters.read(wanted), Engine(cache, 2), Context(Keeper(), folder))
"""


@pytest.mark.parametrize("changes", [{"architecture": "small_unet"}, {"architecture": "lite0_lraspp"}])
def test_killed_at_a_random_step_and_resumed_it_ends_bit_equal(
    changes: dict[str, Any], engine: Engine, cache_dir: Path, tmp_path: Path
) -> None:
    source = load_masked(masked_pack(6, 3), tmp_path)
    changed = masked_hyperparameters(**changes, epochs=EPOCHS, batch_size=2)
    wanted = Hyperparameters.read(changed)
    whole, _ = train(source, engine, tmp_path / "whole", wanted)

    (tmp_path / "killed").mkdir()
    step = random.randint(1, STEPS // 2)  # another one each time: the sentence below says which
    command = [sys.executable, "-c", CHILD, str(cache_dir), str(tmp_path / "killed"), json.dumps(changed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        for line in child.stdout:
            if int(line) == step:
                break
        child.kill()
        child.wait()
    assert child.returncode == -signal.SIGKILL, f"it should have been killed at step {step}"

    newest = max((tmp_path / "killed").glob("*.kept"))
    at = int(re.sub(r"\D", "", newest.name))
    assert step <= at < STEPS, f"killed at step {step}, newest checkpoint of step {at}"
    torch.manual_seed(random.randint(0, 1 << 30))  # another process has another random state
    resumed, _ = train(source, engine, tmp_path / "resumed", wanted, resume=newest)
    one, two = (load_file(outcome.files["model.safetensors"]) for outcome in (whole, resumed))
    different = [name for name in one if not torch.equal(one[name], two[name])]
    assert different == [], f"killed at step {step}, resumed from step {at}"
