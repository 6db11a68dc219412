"""``python -m axons_runner.rank``: one further process of a training, started by the one that has the job.

It reads what to do from its standard input and ends at once when that is closed, so it never outlives its parent. When
it cannot go on, it says why in one line of JSON: {"class", "message", "detail"}.
"""

from __future__ import annotations

import json
import os
import pickle
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from axons_runner.context import Context
from axons_runner.process import prepare

if TYPE_CHECKING:
    from axons_runner.data import TrainingSet
    from axons_runner.hyperparameters import Hyperparameters
    from axons_runner.tuning import Plan

OTHER_FAULT = 70  # sysexits.h: an error of our own


@dataclass(frozen=True)
class Work:
    """What a further process needs to know; it comes from its parent's memory, never from a file."""

    rank: int
    size: int
    place: str
    device: str
    threads: int
    source: TrainingSet
    settings: Hyperparameters
    fingerprint: str
    resume: Path | None
    plan: Plan
    folder: str


class Silent:
    """A reporter that reports nothing: process 0 speaks for all."""

    def event(self, kind: str, data: Mapping[str, Any]) -> None:
        """Say nothing."""

    def checkpoint(self, path: Path, step: int, epoch: int) -> None:
        """Keep nothing."""

    def stop_reason(self) -> None:
        """Never stop of its own accord: the parent closes the standard input."""
        return


class Following(Context):
    """The context of a further process: what is saved, process 0 saves."""

    def after_step(self, save: Callable[[Path], tuple[int, int]], *, epoch_end: bool = False) -> None:
        return


def main() -> int:
    """Train to the end, then wait to be dismissed."""
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, signal.SIG_IGN)  # sent to the whole group; the parent decides
    said = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print goes to the log: nobody reads this pipe before the end
    prepare()
    work: Work = pickle.load(sys.stdin.buffer)  # noqa: S301 (from the parent that started this process)
    dismissed = threading.Thread(target=_wait, daemon=True)
    dismissed.start()
    from axons_runner.worker import said_of

    try:
        _train(work)
    except Exception as error:
        failure_class, message, detail = said_of(error)
        print(json.dumps({"class": failure_class, "message": message, "detail": detail}), file=said, flush=True)
        os._exit(OTHER_FAULT)  # note: no farewell to the others, who would wait for it
    dismissed.join()
    return 0


def _wait() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


def _train(work: Work) -> None:
    import torch

    from axons_runner.backbones import ARCHITECTURES, is_frozen
    from axons_runner.engine import fresh
    from axons_runner.parallel import meeting
    from axons_runner.tasks.pixels import train_network
    from axons_runner.tasks.scenes import train_segmenter

    torch.set_num_threads(work.threads)
    device = torch.device(work.device)
    if device.type == "cuda":
        torch.cuda.set_device(device)
    network: Any = fresh(work.settings.architecture, len(work.source.classes))  # its weights come from process 0
    if is_frozen(work.settings):
        network.features.eval().requires_grad_(False)
    segments = ARCHITECTURES[work.settings.architecture]["task"] == "segmentation"
    learn: Callable[..., object] = train_segmenter if segments else train_network
    context = Following(Silent(), Path(work.folder))
    with meeting(Path(work.place), work.rank, work.size, device) as team:
        learn(
            network, work.source, work.settings, device, context,
            fingerprint=work.fingerprint, resume=work.resume, plan=work.plan, team=team,
        )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
