"""``predict`` over many pictures: a table instead of a prediction, with a handful of pictures in memory at a time."""

from __future__ import annotations

import io
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from axons_runner.batch_input import batch_input
from axons_runner.batch_table import BatchTable
from axons_runner.context import Context
from axons_runner.data import decode, normalise
from axons_runner.engine import Engine
from axons_runner.errors import InvalidInput
from axons_runner.masks import mask_png
from axons_runner.modelfile import LoadedModel
from axons_runner.pictures import PictureConverter
from axons_runner.tasks.common import Outcome

CHUNK = 16
LOGIT_BYTES = 64 << 20  # of one chunk's pixels: bounds the memory, however many classes there are


@dataclass
class Row:
    """A picture that waits for its chunk: ``pixels`` (s, s, 3) uint8 and its (width, height), or why not."""

    name: str
    reason: str = ""
    pixels: NDArray[np.uint8] | None = None
    size: tuple[int, int] = (0, 0)


def predict_batch(
    assignment: Mapping[str, Any], engine: Engine, context: Context, converter: PictureConverter
) -> Outcome:
    """Predict every picture of the assignment's ``batch``. Raises Stopped, JobFailure."""
    task = assignment["task"]
    model = engine.model(assignment["model"]["files"], task)
    began = time.perf_counter()
    context.progress("fetching", 0, 1, "files")
    found = batch_input(assignment["batch"], context.work_dir)
    size, marks = model.preprocessing["image_size"], task == "segmentation"
    chunk = chunk_length(len(model.classes), size) if marks else CHUNK
    waiting: list[Row] = []
    with BatchTable(context.work_dir, model.classes, masks=marks) as table:
        for done, each in enumerate(found):
            context.check()
            context.progress("evaluating", done, len(found), "images")
            waiting.append(row_of(each.name, each.data, each.reason, size, converter))
            if len(waiting) == chunk:
                write(waiting, model, engine, table)
                waiting = []
        write(waiting, model, engine, table)
    context.progress("evaluating", len(found), len(found), "images")
    seconds = round(time.perf_counter() - began, 4)
    return Outcome({"batch": table.counts(), "seconds": seconds}, table.paths)


def chunk_length(classes: int, size: int) -> int:
    """Return how many pictures are marked at once, so that their logits stay below ``LOGIT_BYTES``."""
    return max(1, min(CHUNK, LOGIT_BYTES // (classes * size * size * 4)))


def row_of(name: str, data: bytes, reason: str, size: int, converter: PictureConverter) -> Row:
    """Return a picture at the model's size, read in the limited process; whatever is wrong with it is its reason."""
    if reason:
        return Row(name, reason)
    try:
        picture = converter.convert(name, data)
    except InvalidInput as refusal:
        return Row(name, refusal.message)
    with Image.open(io.BytesIO(picture), formats=["JPEG"]) as converted:
        whole = converted.size
    return Row(name, "", decode(picture, size), whole)


def write(rows: list[Row], model: LoadedModel, engine: Engine, table: BatchTable) -> None:
    """Predict those of these rows that are pictures, and write all of them in their order."""
    pixels = [row.pixels for row in rows if row.pixels is not None]
    answers = iter(answer(np.stack(pixels), model, engine) if pixels else ())
    for row in rows:
        if row.pixels is None:
            table.refuse(row.name, row.reason)
        elif table.masks is None:
            table.add(row.name, next(answers).tolist())
        else:
            named = next(answers).astype(np.uint8)
            mask = np.asarray(Image.fromarray(named).resize(row.size, Image.Resampling.NEAREST))
            shares = np.bincount(mask.reshape(-1), minlength=len(model.classes)) / mask.size
            table.add(row.name, shares.tolist(), mask_png(mask))


def answer(pixels: NDArray[np.uint8], model: LoadedModel, engine: Engine) -> NDArray[Any]:
    """Return for ``pixels`` (n, s, s, 3) uint8 the probabilities (n, classes), or the classes of pixels (n, s, s)."""
    settings = model.preprocessing
    images = normalise(torch.from_numpy(pixels).to(engine.device), settings["mean"], settings["std"])
    with torch.inference_mode():
        if model.task == "segmentation":
            marked: NDArray[Any] = model.network(images).argmax(1).cpu().numpy()
            return marked
        logits: Tensor = model.network.classify(engine.maps(model, images).to(engine.device))
        named: NDArray[Any] = logits.float().softmax(1).cpu().numpy()
    return named
