"""How a child process words what went wrong in a job."""

from __future__ import annotations

import re
import resource
import sys
from multiprocessing import Pipe
from pathlib import Path
from typing import Any, cast

import psutil
import pytest
import torch

from axons_runner import monitor, worker
from axons_runner.engine import Engine
from axons_runner.errors import InvalidInput, Stopped
from axons_runner.pictures import PictureConverter
from tests.runner.drawn import SHAPES, masked_hyperparameters, masked_pack
from tests.runner.fake_service import FakeService
from tests.runner.synthetic import assignment
from tests.runner.test_training import Recorder

ROOM = 400 << 20  # bytes that may be allocated beyond what the process has


@pytest.mark.parametrize(
    ("error", "failure_class", "sentence"),
    [
        (MemoryError(), "out_of_memory", "Try a smaller batch size"),
        (torch.OutOfMemoryError("CUDA out of memory"), "out_of_memory", "Try a smaller batch size"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "out_of_memory", "Try a smaller batch size"),
        (Exception("[ONNXRuntimeError] : 6 : std::bad_alloc"), "out_of_memory", "Try a smaller batch size"),
        (InvalidInput("“a.jpg” is not a picture."), "invalid_input", "“a.jpg” is not a picture."),
        (ZeroDivisionError("/srv/secret"), "infrastructure", "Something broke on our side. Your work is safe"),
    ],
)
def test_an_error_becomes_a_class_and_a_sentence_without_our_insides(
    error: Exception, failure_class: str, sentence: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    said = run(error, monkeypatch, tmp_path)
    assert said[:2] == ("failed", failure_class)
    assert sentence in said[2]
    assert "/srv/secret" not in said[2]


@pytest.mark.parametrize(
    ("assignment", "sentence"),
    [
        ({"kind": "training", "task": "classification"}, "smaller batch size or fewer pictures"),
        ({"kind": "training", "task": "segmentation"}, "half the batch size, fewer classes, or, .* the small U-Net"),
        ({"kind": "inference", "task": "segmentation"}, "smaller network"),
        ({"kind": "evaluation", "task": "classification"}, "smaller network"),
    ],
)
def test_what_to_try_without_memory_depends_on_the_job(
    assignment: dict[str, Any], sentence: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    said = run(MemoryError(), monkeypatch, tmp_path, assignment)
    assert said[1] == "out_of_memory"
    assert re.search(sentence, said[2])


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not hold a process to RLIMIT_AS")
def test_a_segmentation_that_needs_too_much_ends_with_what_to_try_and_the_process_lives(
    service: FakeService, engine: Engine, tmp_path: Path
) -> None:
    classes = SHAPES + [f"class {n}" for n in range(len(SHAPES), 250)]
    pack = masked_pack(32, 5, classes=classes)

    def work(batch_size: int) -> tuple[Any, ...]:
        wanted = masked_hyperparameters(epochs=1, batch_size=batch_size, augmentation=False)
        given = assignment(service, pack, task="segmentation", hyperparameters=wanted)
        return worker._run(given, tmp_path, engine, cast(PictureConverter, None), cast(Any, Recorder(tmp_path)))

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (psutil.Process().memory_info().vms + ROOM, hard))
    try:
        said = work(32)  # the logits alone: 32 pictures of 250 classes and 128² pixels are 524 MB
        assert said[:2] == ("failed", "out_of_memory"), said
        assert "half the batch size" in said[2]
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    assert work(2)[0] == "done"


def test_a_stop_is_no_failure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert run(Stopped("release"), monkeypatch, tmp_path) == ("stopped", "release")


def test_the_kernels_count_of_kills_for_memory_is_a_number() -> None:
    assert monitor.oom_kills() >= 0


def run(
    error: Exception, monkeypatch: pytest.MonkeyPatch, folder: Path, assignment: dict[str, Any] | None = None
) -> tuple[Any, ...]:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(worker, "_execute", fail)
    reporter = worker.PipeReporter(Pipe()[0])
    return worker._run(assignment or {}, folder, cast(Engine, None), cast(PictureConverter, None), reporter)
