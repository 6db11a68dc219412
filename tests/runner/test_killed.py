"""A training killed with SIGKILL at a random step, and continued from what is on disk, ends with the same bits."""

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

from axons_runner.hyperparameters import Hyperparameters
from tests.runner.synthetic import Pack, hyperparameters, load_pack
from tests.runner.test_training import train

if TYPE_CHECKING:
    from axons_runner.engine import Engine

pytestmark = pytest.mark.slow
EPOCHS, STEPS = 3, 18  # 48 pictures in batches of 8
CHILD = """
import json, sys, time
from pathlib import Path
from axons_runner.process import prepare
prepare()
from axons_runner import context
from axons_runner.context import Context
from axons_runner.engine import Engine
from axons_runner.tasks import classification
from axons_runner.hyperparameters import Hyperparameters
from tests.runner.synthetic import hyperparameters, load_pack, make_pack

cache, folder, changes = Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3])
context.CHECKPOINT_SECONDS = 0.0  # after every step

class Keeper:
    def event(self, kind, data): pass
    def stop_reason(self): return None
    def checkpoint(self, path, step, epoch):
        path.rename(folder / f"{step:05}.kept")
        print(step, flush=True)
        time.sleep(0.1)  # steps of a head take a millisecond: so the kill comes before the end

wanted = Hyperparameters.read(hyperparameters(**changes))
source = load_pack(make_pack(per_class=16, held_out=4), folder)
classification.train_on(source, wanted, Engine(cache, 2), Context(Keeper(), folder))
"""


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

    (tmp_path / "killed").mkdir()
    step = random.randint(1, STEPS // 2)  # another one each time: the sentence below says which
    command = [sys.executable, "-c", CHILD, str(cache_dir), str(tmp_path / "killed"), json.dumps(changes)]
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
    resumed, recorder = train(source, engine, tmp_path / "resumed", wanted, resume=newest)
    assert min(row["step"] for row in recorder.metrics("train")) > at
    different = [name for name in whole if not torch.equal(whole[name], resumed[name])]
    assert different == [], f"killed at step {step}, resumed from step {at}"
