"""A training in a process of its own that keeps a checkpoint after every step, killed with SIGKILL at one of them."""

from __future__ import annotations

import json
import random
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

CHILD = """
import json, sys, time
from importlib import import_module
from pathlib import Path
from axons_runner.process import prepare
prepare()
from axons_runner import context
from axons_runner.context import Context
from axons_runner.engine import Engine
from axons_runner.hyperparameters import Hyperparameters

cache, folder, wanted = Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3])
task, (module, function) = import_module(f"axons_runner.tasks.{sys.argv[4]}"), sys.argv[5].split(":")
context.CHECKPOINT_SECONDS = 0.0  # after every step

class Keeper:
    def event(self, kind, data): pass
    def stop_reason(self): return None
    def checkpoint(self, path, step, epoch):
        path.rename(folder / f"{step:05}.kept")
        print(step, flush=True)
        time.sleep(0.1)  # steps of a head take a millisecond: so the kill comes before the end

source = getattr(import_module(module), function)(folder)
task.train_on(source, Hyperparameters.read(wanted), Engine(cache, 2), Context(Keeper(), folder))
"""


def killed(
    task: str, source: str, hyperparameters: dict[str, Any], *, steps: int, cache: Path, folder: Path
) -> tuple[int, int, Path]:
    """Kill a training of ``task`` at a random step; return that step, the newest checkpoint's step and its file.

    ``source`` names the function, as module:function, that makes the child's training set in a folder.
    """
    folder.mkdir()
    step = random.randint(1, steps // 2)  # another one each time: the sentences of the tests say which
    command = [sys.executable, "-c", CHILD, str(cache), str(folder), json.dumps(hyperparameters), task, source]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        for line in child.stdout:
            if int(line) == step:
                break
        child.kill()
        child.wait()
    assert child.returncode == -signal.SIGKILL, f"it should have been killed at step {step}"
    newest = max(folder.glob("*.kept"))
    at = int(re.sub(r"\D", "", newest.name))
    assert step <= at < steps, f"killed at step {step}, newest checkpoint of step {at}"
    return step, at, newest
