"""Author-supplied models: what an operator imports for inference-only exercises. Safetensors, never pickle."""

import hashlib
import json
import re
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import Any

from django.db import IntegrityError, transaction

from axons_service.exercises import architectures
from axons_service.exercises.task_types import SEGMENTATION, Task
from axons_service.jobs.models import Model
from axons_service.sites.models import Site
from axons_service.storage import keys, objects
from axons_service.training_sets.palette import MAX_CLASSES

REQUIRED = ("model.json", "model.safetensors")
OPTIONAL = ("model.onnx", "metrics.json")
CONTENT_TYPES = {".json": "application/json"}
DTYPE_BYTES = {
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1,
}  # fmt: skip
MAX_HEADER_BYTES = 10 * 1024 * 1024
NAME = re.compile(r"[-a-zA-Z0-9_]{1,100}")


class ModelRefused(Exception):
    """The folder is no model that can be imported; the sentence says why."""


def supplied_model_import(*, site: Site, folder: Path, name: str, title: str = "") -> tuple[Model, bool]:
    """Import a model into a site's library, and whether it is new: the same files under the same name are not.

    Raises ModelRefused with a sentence, also when the name stands for other files already: models never change.
    """
    if not NAME.fullmatch(name):
        raise ModelRefused(f"A model's name has letters, digits, - and _ only, at most 100: {name} is none.")
    description, metrics = _description(folder), _metrics(folder)
    safetensors_check(folder / "model.safetensors")
    files = [_file(folder / each) for each in (*REQUIRED, *OPTIONAL) if (folder / each).is_file()]
    known = Model.objects.filter(site=site, project__isnull=True, name=name).first()
    if known is not None:
        same = {each["name"]: each["sha256"] for each in known.files} == {
            each["name"]: each["sha256"] for each in files
        }
        if not same:
            raise ModelRefused(f"There is a model named {name} with other files. Give this one another --name.")
        return known, False
    model = Model(
        site=site,
        source=Model.Source.SUPPLIED,
        name=name,
        title=title or name,
        architecture=description["architecture"],
        classes=description["classes"],
        metrics=metrics,
        description=description,
    )
    prefix = keys.model_prefix(model)
    for each in files:
        each["key"] = prefix + each["name"]
        path = folder / each["name"]
        with path.open("rb") as file:
            objects.put_stream(each["key"], file, CONTENT_TYPES.get(path.suffix, "application/octet-stream"))
    model.files = files
    try:
        with transaction.atomic():
            model.save(force_insert=True)
    except IntegrityError as error:
        raise ModelRefused(f"Another import of {name} went on at the same time. Run this one again.") from error
    return model, True


def safetensors_check(path: Path) -> None:
    """Check a safetensors file by its header alone: known types, sizes that fit the shapes, no gap, no excess.

    Format: 8 bytes little-endian header length, JSON header, tensor bytes (huggingface/safetensors).
    Raises ModelRefused.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= min(MAX_HEADER_BYTES, size - 8):
            raise ModelRefused(f"{path.name} is not a safetensors file.")
        try:
            header = json.loads(file.read(length))
        except ValueError as error:
            raise ModelRefused(f"{path.name} is not a safetensors file: its header is not JSON.") from error
    if not isinstance(header, dict):
        raise ModelRefused(f"{path.name} is not a safetensors file: its header is not an object.")
    spans = []
    for name, tensor in header.items():
        if name == "__metadata__":
            continue
        try:
            start, end = tensor["data_offsets"]
            expected = DTYPE_BYTES[tensor["dtype"]] * prod(tensor["shape"])
        except (KeyError, TypeError, ValueError) as error:
            raise ModelRefused(f"{path.name}: the tensor {name} is not described as safetensors asks.") from error
        if end - start != expected or start < 0:
            raise ModelRefused(f"{path.name}: the tensor {name} does not have the size of its shape.")
        spans.append((start, end))
    spans.sort()
    if not spans or spans[0][0] != 0 or any(one[1] != two[0] for one, two in pairwise(spans)):
        raise ModelRefused(f"{path.name}: its tensors do not follow one another without a gap.")
    if spans[-1][1] != size - 8 - length:
        raise ModelRefused(f"{path.name} is incomplete or holds more than its tensors.")


def _description(folder: Path) -> dict[str, Any]:
    missing = [name for name in REQUIRED if not (folder / name).is_file()]
    if missing:
        raise ModelRefused(f"{folder} lacks {' and '.join(missing)}.")
    description = _json(folder / "model.json")
    classes = description.get("classes")
    task = description.get("task")
    if description.get("format") != 1 or task not in Task.values:
        raise ModelRefused(f"model.json must have format 1 and the task {' or '.join(Task.values)}.")
    if description.get("architecture") not in architectures.names_of(task):
        raise ModelRefused(
            f"model.json names the architecture {description.get('architecture')}, which no runner knows for {task}."
        )
    if not isinstance(classes, list) or len(classes) < 2 or not all(isinstance(each, str) for each in classes):
        raise ModelRefused("model.json must name at least two classes.")
    if task == SEGMENTATION and len(classes) > MAX_CLASSES:
        raise ModelRefused(
            f"model.json names {len(classes)} classes. A model for segmentation has at most {MAX_CLASSES}."
        )
    if not isinstance(description.get("preprocessing"), dict):
        raise ModelRefused("model.json must describe the preprocessing.")
    return description


def _metrics(folder: Path) -> dict[str, Any]:
    path = folder / "metrics.json"
    return _json(path) if path.is_file() else {}


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelRefused(f"{path.name} is not JSON: {error}.") from error
    if not isinstance(value, dict):
        raise ModelRefused(f"{path.name} must be a JSON object.")
    return value


def _file(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return {"name": path.name, "key": "", "sha256": sha256, "bytes": path.stat().st_size}
