"""Starts the further processes of a training, watches them, and ends them with it."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import torch

from axons_runner.context import Context
from axons_runner.data import TrainingSet
from axons_runner.errors import NO_MEMORY, OUT_OF_MEMORY_EXIT, Infrastructure, JobFailure, Stopped
from axons_runner.hyperparameters import Hyperparameters
from axons_runner.monitor import oom_kills
from axons_runner.parallel import ALONE, Team, fitting, meeting
from axons_runner.rank import OTHER_FAULT, Work
from axons_runner.tuning import Plan

if TYPE_CHECKING:
    from axons_runner.engine import Engine

LOOK_SECONDS = 0.2
SETTLE_SECONDS = 0.3
GIVE_UP_SECONDS = 10.0  # after a death: how long this process may take to notice by itself


class Helpers:
    """The further processes, with ranks 1, 2, …"""

    def __init__(self, work: list[Work]) -> None:
        self.oom_before = oom_kills()
        self.over = threading.Event()
        # note: no torch.multiprocessing: a slot's process is a daemon, and a daemon may not have children by it
        command = [sys.executable, "-m", "axons_runner.rank"]
        self.processes = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=_environment()) for _ in work
        ]
        for process, part in zip(self.processes, work, strict=True):
            assert process.stdin is not None
            with suppress(BrokenPipeError):  # it has ended already; whoever waits for it will say so
                pickle.dump(part, process.stdin)
                process.stdin.flush()
        threading.Thread(target=self._watch, daemon=True).start()

    def dead(self) -> subprocess.Popen[bytes] | None:
        """Return a process that has ended, though none may before it is dismissed."""
        return next((p for p in self.processes if p.poll() is not None), None)

    def failure(self, seconds: float) -> JobFailure | None:
        """Return why a process has ended; None when all live after ``seconds``."""
        deadline = time.monotonic() + seconds
        while self.dead() is None:
            if time.monotonic() > deadline:
                return None
            time.sleep(0.05)
        time.sleep(SETTLE_SECONDS)
        failures = [self._failure(p) for p in self.processes if p.poll() is not None]
        # the others fail because of the first: what a learner can act on is said before what is ours
        return min(failures, key=lambda failure: failure.failure_class == "infrastructure")

    def _failure(self, process: subprocess.Popen[bytes]) -> JobFailure:
        if process.returncode == -signal.SIGKILL and oom_kills() > self.oom_before:
            return JobFailure("out_of_memory", NO_MEMORY)
        assert process.stdout is not None
        if process.returncode != OTHER_FAULT:
            return Infrastructure(f"A process of the training ended with exit code {process.returncode}.")
        said = json.loads(process.stdout.read().splitlines()[-1])
        if said["class"] != "infrastructure":
            return JobFailure(said["class"], said["message"])
        return Infrastructure(f"A process of the training failed: {said['detail']}")

    def dismiss(self) -> None:
        """End them all."""
        self.over.set()
        for process in self.processes:
            process.kill()  # note: they hold nothing that anybody needs
            process.wait()
            for pipe in (process.stdin, process.stdout):
                with suppress(BrokenPipeError):
                    assert pipe is not None
                    pipe.close()

    def _watch(self) -> None:
        while not self.over.wait(LOOK_SECONDS):
            if self.dead() is not None and not self.over.wait(GIVE_UP_SECONDS):
                # this process waits for the dead, on a GPU without end: the agent starts a new one
                why = self.failure(0)
                no_memory = why is not None and why.failure_class == "out_of_memory"
                os._exit(OUT_OF_MEMORY_EXIT if no_memory else OTHER_FAULT)


@contextmanager
def assembled(
    engine: Engine, source: TrainingSet, settings: Hyperparameters, context: Context, *, fingerprint: str,
    resume: Path | None, plan: Plan,
) -> Iterator[Team]:  # fmt: skip
    """Yield the team that trains on ``source``: this process alone, or with as many others as the operator allows.

    Raises Infrastructure when one of them is lost, and JobFailure with what it had to say.
    """
    size = fitting(engine.processes, len(source.by_split["train"]), settings.batch_size)
    if size == 1:
        yield ALONE
        return
    os.environ.update(_environment())
    with tempfile.TemporaryDirectory(dir=context.work_dir) as folder:
        first = Work(
            1, size, f"{folder}/meeting", engine.device.type, engine.threads, source, settings, fingerprint, resume,
            plan, folder,
        )  # fmt: skip
        helpers = Helpers([_placed(first, rank) for rank in range(1, size)])
        context.log(f"This training runs in {size} processes.")
        try:
            with meeting(Path(first.place), 0, size, engine.device) as team:
                yield team
        except (JobFailure, Stopped, MemoryError, torch.OutOfMemoryError):
            raise  # of this process itself
        except Exception as error:
            failure = helpers.failure(2.0 if isinstance(error, RuntimeError) else 0.0)
            raise failure or error from error
        finally:
            helpers.dismiss()


def _placed(work: Work, rank: int) -> Work:
    device = f"cuda:{rank}" if work.device == "cuda" else work.device
    folder = tempfile.mkdtemp(dir=work.folder)
    return replace(work, rank=rank, device=device, folder=folder)


def _environment() -> dict[str, str]:
    """Return this process's environment, in which processes talk over the loopback interface and nowhere else."""
    found = (n for n, addresses in psutil.net_if_addrs().items() if any(a.address == "127.0.0.1" for a in addresses))
    loopback = next(found, "lo")
    return {"GLOO_SOCKET_IFNAME": loopback, "NCCL_SOCKET_IFNAME": loopback} | dict(os.environ)
