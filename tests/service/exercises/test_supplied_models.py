"""Models that operators import for inference-only exercises."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from axons_service.exercises.supplied_models import ModelRefused, safetensors_check
from axons_service.jobs.models import Model
from axons_service.storage import objects
from tests.service import builders
from tests.service.builders import Caller, Lms


def safetensors(path: Path, header: Any = None, data: bytes = bytes(24)) -> Path:
    """A safetensors file of one float32 matrix 3 by 2, or of what the header says."""
    tensors = {"head.weight": {"dtype": "F32", "shape": [3, 2], "data_offsets": [0, 24]}} if header is None else header
    encoded = json.dumps(tensors).encode()
    path.write_bytes(len(encoded).to_bytes(8, "little") + encoded + data)
    return path


def folder(path: Path, **changes: Any) -> Path:
    path.mkdir()
    description = {
        "format": 1,
        "task": "classification",
        "architecture": "small_cnn",
        "classes": ["cat", "dog"],
        "preprocessing": {"image_size": 64},
    }
    (path / "model.json").write_text(json.dumps({**description, **changes}))
    safetensors(path / "model.safetensors")
    return path


def test_a_whole_file_passes(tmp_path: Path) -> None:
    safetensors_check(safetensors(tmp_path / "m"))
    both = {
        "__metadata__": {"format": "pt"},
        "b": {"dtype": "U8", "shape": [4], "data_offsets": [24, 28]},
        "a": {"dtype": "F32", "shape": [3, 2], "data_offsets": [0, 24]},
    }
    safetensors_check(safetensors(tmp_path / "n", both, bytes(28)))


@pytest.mark.parametrize(
    ("header", "data"),
    [
        (None, bytes(23)),
        (None, bytes(25)),
        ({}, b""),
        ([], b""),
        ({"a": {"dtype": "F32", "shape": [3], "data_offsets": [0, 24]}}, bytes(24)),
        ({"a": {"dtype": "X9", "shape": [3], "data_offsets": [0, 24]}}, bytes(24)),
        ({"a": {"dtype": "F32", "shape": [6], "data_offsets": [4, 28]}}, bytes(28)),
        ({"a": {"dtype": "F32", "shape": [6]}}, bytes(24)),
        ({"a": 1}, b""),
    ],
)
def test_a_file_whose_header_does_not_fit_is_refused(tmp_path: Path, header: Any, data: bytes) -> None:
    with pytest.raises(ModelRefused):
        safetensors_check(safetensors(tmp_path / "m", header, data))


@pytest.mark.parametrize(
    "data", [b"", b"\x80\x04pickle.........", b"\xff" * 64, (64).to_bytes(8, "little") + b"{" * 64]
)
def test_other_files_are_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "m").write_bytes(data)
    with pytest.raises(ModelRefused):
        safetensors_check(tmp_path / "m")


@pytest.mark.django_db
@pytest.mark.needs_s3
def test_an_imported_model_makes_an_inference_exercise(store: Any, course: Lms, anna: Caller, tmp_path: Path) -> None:
    path = folder(tmp_path / "pets")
    for _ in range(2):
        call_command("model_import", site="campus", path=path, title="Pets")
    model = Model.objects.get()
    assert (model.name, model.title, model.source, model.project) == ("pets", "Pets", "supplied", None)
    stored = {file["name"]: objects.get_bytes(file["key"]) for file in model.files}
    assert stored["model.safetensors"] == (path / "model.safetensors").read_bytes()
    body = builders.spec(kind="inference", hidden_test_set=None, grading=None, model="pets")
    state = anna.open(body).json()["project"]
    assert state["supplied_model"]["id"] == str(model.pk)
    safetensors(path / "model.safetensors", None, bytes([1] * 24))
    with pytest.raises(CommandError, match="Give this one another --name"):
        call_command("model_import", site="campus", path=path)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "change", [{"format": 2}, {"architecture": "resnet"}, {"classes": ["cat"]}, {"preprocessing": None}]
)
def test_a_model_that_no_runner_could_use_is_refused(campus: Lms, tmp_path: Path, change: dict[str, Any]) -> None:
    with pytest.raises(CommandError, match=r"model\.json"):
        call_command("model_import", site="campus", path=folder(tmp_path / "pets", **change))
    assert not Model.objects.exists()
