"""Runs of the naive script, each in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TARGET = 0.9


@dataclass
class NaiveRuns:
    """The folders of the script, where it finds the published weights, and how often it looks at the test set."""

    train_folder: Path
    test_folder: Path
    cache: Path
    look_every: int

    def tuned_rate(self, rates: tuple[float, ...]) -> float:
        """The learning rate with which the naive script reaches the target first, by one epoch of each."""
        if len(rates) == 1:
            return rates[0]
        found = {rate: self.to_target(rate, 1, seed=99) for rate in rates}
        return min(rates, key=lambda r: (found[r]["at_target"] or float("inf"), -found[r]["accuracy"]))

    def to_target(self, rate: float, epochs: int, *, seed: int) -> dict[str, Any]:
        """Fine-tune the whole EfficientNet-Lite0; seconds to the target, or None, and the accuracy at the end."""
        more = ("--epochs", str(epochs), "--target", str(TARGET), "--look-every", str(self.look_every))
        looks = self.run("efficientnet_lite0", rate, *more, "--seed", str(seed))
        last = looks[-1]
        reached = last["seconds"] if last["accuracy"] >= TARGET else None
        return {"at_target": reached, "accuracy": last["accuracy"], "seconds": last["seconds"]}

    def run(self, name: str, rate: float, *more: str) -> list[dict[str, float]]:
        """Run the script in a process of its own and return what it printed."""
        command = [
            sys.executable,
            "-m",
            "tests.benchmarks.runner.naive",
            "--network",
            name,
            "--learning-rate",
            str(rate),
        ]
        command += ["--train", str(self.train_folder), "--test", str(self.test_folder)]
        command += ["--cache", str(self.cache), *more]
        # a plain script's process: nothing of what this one asked of OpenMP
        environment = {k: v for k, v in os.environ.items() if k != "OMP_WAIT_POLICY"}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        if done.returncode:
            raise SystemExit(f"The naive script failed:\n{done.stderr}")
        return [json.loads(line) for line in done.stdout.splitlines()]
