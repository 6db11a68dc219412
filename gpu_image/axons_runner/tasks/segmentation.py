"""Semantic segmentation: ``train``, ``evaluate`` and ``predict``, from an assignment to the contract's result."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from PIL import Image

import axons_runner
from axons_runner.backbones import ARCHITECTURES, architectures, is_frozen
from axons_runner.checkpoint import checkpoint_plan
from axons_runner.context import Context
from axons_runner.data import TrainingSet, decode, normalise
from axons_runner.engine import Engine
from axons_runner.errors import InvalidInput
from axons_runner.explain import overlay, segmentation_cam
from axons_runner.export import check_export
from axons_runner.hyperparameters import Hyperparameters, fingerprint
from axons_runner.masks import MAX_CLASSES, NOT_COUNTED, mask_overlay, mask_png
from axons_runner.modelfile import FORMAT, LoadedModel, model_bytes, preprocessing
from axons_runner.palette import hexadecimal
from axons_runner.segmentation_export import RUN_SCRIPT, segmenter_to_onnx
from axons_runner.segmentation_metrics import segmentation_metrics, worst_pictures
from axons_runner.segmenters import Segmenter, lite0_lraspp, untrained_segmenter
from axons_runner.tasks.common import Outcome, add_sheet, checkpoint_of, fetch, hold_out, insist_on_the_classes
from axons_runner.tasks.pixels import preview
from axons_runner.tasks.scenes import Measured, evaluation_batches, train_segmenter
from axons_runner.tasks.scenes import evaluate as measure
from axons_runner.team import assembled

TASK = "segmentation"
CHECKED_PICTURES = 4


def train(assignment: Mapping[str, Any], engine: Engine, context: Context) -> Outcome:
    """Fetch the training set, train, and return metrics and model files. Raises Stopped, JobFailure."""
    settings = Hyperparameters.read(assignment["hyperparameters"] or {})
    source = fetch(assignment, engine, context)
    return train_on(source, settings, engine, context, resume=checkpoint_of(assignment, engine, context))


def train_on(
    source: TrainingSet, settings: Hyperparameters, engine: Engine, context: Context, *, resume: Path | None = None
) -> Outcome:
    """Train on a set that is already here."""
    if settings.architecture not in architectures(TASK):
        raise InvalidInput(f"This runner does not know the architecture “{settings.architecture}” for segmentation.")
    check_training_set(source, context)
    network = begin_network(settings, len(source.classes), engine)
    how: dict[str, Any] = {
        "fingerprint": fingerprint(settings, source.classes, source.manifest_sha256),
        "resume": resume,
        "plan": (resume and checkpoint_plan(resume)) or engine.plans.get(settings.architecture),
    }
    with assembled(engine, source, settings, context, **how) as team:
        measured = train_segmenter(network, source, settings, engine.device, context, **how, team=team)
    assert measured is not None, "process 0 measures"
    validation = [source.pictures[i].sha256 for i in source.by_split["validation"]]
    metrics = figures(measured, source.classes)
    metrics["mistakes"] = worst_pictures(measured.by_picture, validation)
    context.progress("exporting", 0, 1, "files")
    card = model_card(source, settings, engine, {k: metrics[k] for k in ("miou", "accuracy", "loss", "count")})
    files = write_files(network.eval(), card, metrics, source, context, engine, frozen=is_frozen(settings))
    add_sheet(files, preview(source, settings), context)
    context.progress("exporting", 1, 1, "files")
    return Outcome({"metrics": {"validation": metrics}, "model": card}, files)


def begin_network(settings: Hyperparameters, classes: int, engine: Engine) -> Segmenter:
    """Return the network that is to learn: weights from the seed, and published ones where asked for.

    With a frozen backbone it is the warm one of the engine itself, which stays as it is.
    """
    torch.manual_seed(settings.seed)
    if is_frozen(settings):
        return lite0_lraspp(classes, engine.backbone.features)
    network = untrained_segmenter(settings.architecture, classes)
    if ARCHITECTURES[settings.architecture]["pretrained"] and settings.fine_tuning != "scratch":
        network.features.load_state_dict(engine.backbone.features.state_dict())
    return network


def evaluate(assignment: Mapping[str, Any], engine: Engine, context: Context) -> Outcome:
    """Score a model on every picture of a hidden test set; the result names no picture. Raises Stopped, JobFailure."""
    model = engine.model(assignment["model"]["files"], TASK)
    source = fetch(assignment, engine, context)
    return Outcome({"metrics": evaluate_on(source, model, engine, context)})


def evaluate_on(source: TrainingSet, model: LoadedModel, engine: Engine, context: Context) -> dict[str, Any]:
    """Return the metrics of ``model`` on all pictures of ``source``."""
    insist_on_the_classes(model, source)
    order = torch.full((256,), NOT_COUNTED, dtype=torch.int64)
    order[: len(source.classes)] = torch.tensor([model.classes.index(label) for label in source.classes])
    size = model.preprocessing["image_size"]
    batches = evaluation_batches(source, list(range(len(source.pictures))), size, context, engine.device)
    batches.mean, batches.std = model.preprocessing["mean"], model.preprocessing["std"]
    return figures(measure(model.network, batches, len(model.classes), context, order=order), model.classes)


def predict(assignment: Mapping[str, Any], engine: Engine, context: Context, *, picture: bytes) -> Outcome:
    """Name every pixel of ``picture`` (a JPEG made by :mod:`axons_runner.pictures`), and show it three ways.

    ``mask.png`` holds the class numbers in the picture's size, ``overlay.png`` their colours over the picture,
    ``explanation.png`` where the model saw the class that it gave most pixels to (background aside).
    """
    model = engine.model(assignment["model"]["files"], TASK)
    began = time.perf_counter()
    settings = model.preprocessing
    pixels = torch.from_numpy(decode(picture, settings["image_size"])[None].copy()).to(engine.device)
    image = normalise(pixels, settings["mean"], settings["std"])
    with torch.no_grad():
        maps = model.network.maps(image)
    logits, heat, explained = segmentation_cam(model.network, maps, image)
    named = logits.argmax(0).to(torch.uint8).cpu().numpy()
    seconds = time.perf_counter() - began
    with Image.open(io.BytesIO(picture), formats=["JPEG"]) as converted:
        mask = np.asarray(Image.fromarray(named).resize(converted.size, Image.Resampling.NEAREST))
        contents = {
            "picture.jpg": picture,
            "mask.png": mask_png(mask),
            "overlay.png": mask_overlay(converted, mask),
            "explanation.png": overlay(converted, heat.cpu().numpy().astype(np.float32)),
        }
    shares = np.bincount(mask.reshape(-1), minlength=len(model.classes)) / mask.size
    ranked = [(model.classes[i], float(shares[i])) for i in np.argsort(-shares, kind="stable").tolist()]
    result = {
        "classes": [{"label": label, "share": share} for label, share in ranked],
        "colours": colours(model.classes),
        # of the class of a pixel picked at random: what places that list labels by weight read
        "probabilities": [{"label": label, "probability": share} for label, share in ranked],
        "explained": model.classes[explained],
        "seconds": round(seconds, 4),
    }
    return Outcome(result, written(contents, context))


def check_training_set(source: TrainingSet, context: Context) -> None:
    """Raise InvalidInput when there is nothing to learn from; hold pictures out when the set does not."""
    if not 2 <= len(source.classes) <= MAX_CLASSES:
        raise InvalidInput(
            f"Segmentation needs a background and at least one class more, at most {MAX_CLASSES} in all; this set has "
            f"{len(source.classes)}."
        )
    bare = [p.sha256 for p in source.pictures if p.mask is None]
    if bare:
        raise InvalidInput(
            f"{len(bare)} pictures have no mask (the SHA-256 of the first begins with {bare[0][:12]}). "
            "Add their masks, or take them out of the set."
        )
    hold_out(source, context)
    train = source.by_split.get("train", [])
    if not any(source.pictures[i].label for i in train):
        raise InvalidInput(
            f"No mask of the {len(train)} training pictures shows anything but “{source.classes[0]}”, so there is "
            "nothing to learn. Draw at least one more class."
        )
    if not source.by_split["validation"]:
        raise InvalidInput("There are too few pictures to hold some out for validation. Add more of each class.")


def figures(measured: Measured, classes: list[str]) -> dict[str, Any]:
    """Return the contract's metrics of an evaluation."""
    return segmentation_metrics(measured.matrix, measured.loss, len(measured.by_picture), classes)


def colours(classes: list[str]) -> dict[str, str]:
    """Return the colour of each class."""
    return {label: hexadecimal(index) for index, label in enumerate(classes)}


def model_card(
    source: TrainingSet, settings: Hyperparameters, engine: Engine, summary: dict[str, Any]
) -> dict[str, Any]:
    """Return the content of model.json."""
    return {
        "format": FORMAT,
        "task": TASK,
        "architecture": settings.architecture,
        "classes": source.classes,
        "colours": colours(source.classes),
        "not_counted": NOT_COUNTED,
        "preprocessing": preprocessing(settings.architecture),
        "backbone": engine.backbone.description() if is_frozen(settings) else None,
        "hyperparameters": vars(settings).copy(),
        "metrics": summary,
        "training_set": {"id": source.identifier, "manifest_sha256": source.manifest_sha256},
        "seed": settings.seed,
        "versions": {"runner": axons_runner.__version__, "torch": str(torch.__version__), "onnx": onnx.__version__},
    }


def write_files(
    network: Segmenter, card: dict[str, Any], metrics: dict[str, Any], source: TrainingSet, context: Context,
    engine: Engine, *, frozen: bool,
) -> dict[str, Path]:  # fmt: skip
    """Write model, card, ONNX export (checked on real pictures), metrics, and a zip that runs it elsewhere."""
    how = card["preprocessing"]
    exported = segmenter_to_onnx(network, how["image_size"], len(card["classes"]))
    some = source.decode(source.by_split["validation"][:CHECKED_PICTURES], how["image_size"])
    images = normalise(torch.from_numpy(some), how["mean"], how["std"]).to(engine.device)
    with torch.inference_mode():
        difference = check_export(exported, network(images), images)
    context.log(f"The ONNX export agrees with the model (largest difference of a logit {difference:.1e}).")
    described = json.dumps(card, indent=1, ensure_ascii=False).encode()
    contents = {
        "model.safetensors": model_bytes(network, frozen=frozen),
        "model.json": described,
        "model.onnx": exported,
        "metrics.json": json.dumps({"validation": metrics}, indent=1, ensure_ascii=False).encode(),
        "run.zip": run_zip({"model.onnx": exported, "model.json": described, "run.py": RUN_SCRIPT.encode()}),
    }
    return written(contents, context)


def run_zip(contents: Mapping[str, bytes]) -> bytes:
    """Return a zip of what runs the model outside Axons; weights do not compress, so nothing is."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in contents.items():
            archive.writestr(zipfile.ZipInfo(name), content)  # without a date: the same model gives the same zip
    return out.getvalue()


def written(contents: Mapping[str, bytes], context: Context) -> dict[str, Path]:
    """Write these files into the job's folder and return where they are."""
    for name, content in contents.items():
        (context.work_dir / name).write_bytes(content)
    return {name: context.work_dir / name for name in contents}
