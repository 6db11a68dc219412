"""How a child process words what went wrong in a job."""

from __future__ import annotations

import re
from multiprocessing import Pipe
from pathlib import Path
from typing import Any, cast

import pytest
import torch

from axons_runner import monitor, worker
from axons_runner.engine import Engine
from axons_runner.errors import InvalidInput, Stopped
from axons_runner.pictures import PictureConverter


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
