"""The warm child process of a slot: imports torch once, then runs one job after another.

It speaks with its parent over one pipe and ends at once when the pipe does, so it never outlives the agent. torch is
imported inside :func:`main`: the parent imports this module too, to name the function, and must stay free of it.

Parent to child: ("run", assignment, work_dir), ("stop", reason). Child to parent: ("ready", info),
("event", kind, data), ("checkpoint", path, step, epoch), and last ("done", result, files),
("failed", class, message, detail) or ("stopped", reason).
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from axons_runner.errors import (
    NO_MEMORY,
    OUR_FAULT,
    FailureClass,
    Infrastructure,
    JobFailure,
    Stopped,
    StopReason,
    no_memory,
)
from axons_runner.process import prepare

# how torch, ONNX Runtime and C++ say it on the CPU, each with an exception of its own
NO_MEMORY_WORDS = ("allocate memory", "can't start new thread", "Failed to allocate", "bad allocation", "bad_alloc")

if TYPE_CHECKING:
    from axons_runner.engine import Engine
    from axons_runner.pictures import PictureConverter


class PipeReporter:
    """The :class:`axons_runner.context.Reporter` of a child: everything goes to the parent."""

    def __init__(self, pipe: Connection) -> None:
        self.pipe = pipe
        self.lock = threading.Lock()
        self.reason: StopReason | None = None

    def send(self, *message: Any) -> None:
        with self.lock:
            self.pipe.send(message)

    def event(self, kind: str, data: Mapping[str, Any]) -> None:
        self.send("event", kind, dict(data))

    def checkpoint(self, path: Path, step: int, epoch: int) -> None:
        self.send("checkpoint", str(path), step, epoch)

    def stop_reason(self) -> StopReason | None:
        return self.reason


def main(
    pipe: Connection, slot: str, cache_dir: str, threads: int, embedding_cache_bytes: int, processes: int,
    weights_list: Path | None,
) -> None:  # fmt: skip
    """Run jobs until the parent is gone."""
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, signal.SIG_IGN)  # sent to the whole group; the parent tells us what to do
    reporter = PipeReporter(pipe)
    jobs: queue.SimpleQueue[tuple[dict[str, Any], str]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(pipe, reporter, jobs), daemon=True).start()

    prepare()
    from axons_runner.backbones import ARCHITECTURES
    from axons_runner.engine import Engine
    from axons_runner.pictures import PictureConverter
    from axons_runner.tasks import classification  # noqa: F401  # now, not in the first job

    if slot == "training":
        # the first optimizer makes torch import its compiler, which takes as long as torch itself: meanwhile a job may
        # be claimed and its first pictures embedded
        threading.Thread(target=_first_optimizer, daemon=True).start()
    listed = weights_list if slot == "training" else None
    engine = Engine(Path(cache_dir), threads, embedding_cache_bytes, processes, listed)
    engine.warm_up(training=slot == "training")
    converter = PictureConverter()
    if slot == "inference":
        converter.start()
    # a model brings its own weights: only a training needs the published ones
    names = engine.architectures if slot == "training" else sorted(ARCHITECTURES)
    about = {"device": engine.device_name, "architectures": names, "refused": engine.refused}
    reporter.send("ready", about)
    while True:
        assignment, work_dir = jobs.get()
        reporter.send(*_run(assignment, Path(work_dir), engine, converter, reporter))


def _first_optimizer() -> None:
    """Make one, so that no learner waits for it; a job's own waits for what is left of this."""
    import torch

    parameter = torch.nn.Parameter(torch.zeros(1))
    parameter.grad = torch.zeros(1)
    torch.optim.AdamW([parameter], foreach=True).step()


def _listen(pipe: Connection, reporter: PipeReporter, jobs: queue.SimpleQueue[tuple[dict[str, Any], str]]) -> None:
    try:
        while True:
            message = pipe.recv()
            if message[0] == "run":
                reporter.reason = None
                jobs.put((message[1], message[2]))
            elif message[0] == "stop":
                reporter.reason = message[1]
    except (EOFError, OSError):
        os._exit(0)  # the parent is gone: nobody is left to work for


def _run(
    assignment: dict[str, Any], work_dir: Path, engine: Engine, converter: PictureConverter, reporter: PipeReporter
) -> tuple[Any, ...]:
    """Run one job and return the message that ends it."""
    from axons_runner.context import Context

    try:
        outcome = _execute(assignment, engine, converter, Context(reporter, work_dir))
        return "done", outcome.result, {name: str(path) for name, path in outcome.files.items()}
    except Stopped as stopped:
        return "stopped", stopped.reason
    except Exception as error:
        failure_class, sentence, detail = said_of(error)
        return "failed", failure_class, no_memory(assignment) if failure_class == "out_of_memory" else sentence, detail


def said_of(error: Exception) -> tuple[FailureClass, str, str]:
    """Return (failure class, sentence for the learner, detail for the runner's log) of what ended a job."""
    import torch

    if isinstance(error, JobFailure):
        return error.failure_class, error.message, error.detail if isinstance(error, Infrastructure) else ""
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or any(w in str(error) for w in NO_MEMORY_WORDS):
        with contextlib.suppress(RuntimeError):
            torch.cuda.empty_cache()
        return "out_of_memory", NO_MEMORY, ""
    return "infrastructure", OUR_FAULT, "".join(traceback.format_exception(error))


def _execute(assignment: dict[str, Any], engine: Engine, converter: PictureConverter, context: Any) -> Any:
    from axons_runner.cache import download
    from axons_runner.tasks import classification, segmentation
    from axons_runner.tasks.batch import predict_batch

    tasks = {"classification": classification, "segmentation": segmentation}
    task = tasks.get(assignment["task"])
    if task is None:
        raise Infrastructure(f"This runner does not know the task {assignment['task']!r}.")
    if assignment["kind"] == "training":
        return task.train(assignment, engine, context)
    if assignment["kind"] == "evaluation":
        return task.evaluate(assignment, engine, context)
    if assignment.get("batch"):
        return predict_batch(assignment, engine, context, converter)
    picture = assignment["picture"]
    context.progress("fetching", 0, 1, "files")
    path = context.work_dir / "upload"
    download(picture["url"], path, sha256=None, limit_bytes=picture["bytes"])
    converted = converter.convert(picture["name"], path.read_bytes())
    context.progress("evaluating", 0, 1, "images")
    return task.predict(assignment, engine, context, picture=converted)


if __name__ == "__main__":
    sys.exit("This module is started by axons_runner.slots.")
