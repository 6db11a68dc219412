"""Image classification: ``train``, ``evaluate`` and ``predict``, from an assignment to the contract's result."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from PIL import Image
from torch import Tensor

import axons_runner
from axons_runner.backbones import ARCHITECTURES, LITE0_CHANNELS, Classifier, architectures, is_frozen, untrained
from axons_runner.checkpoint import checkpoint_plan
from axons_runner.context import Context
from axons_runner.data import Batches, PixelTable, TrainingSet, decode, normalise
from axons_runner.embedding import EmbeddedSet, View
from axons_runner.engine import Engine
from axons_runner.errors import InvalidInput
from axons_runner.explain import grad_cam, overlay
from axons_runner.export import check_export, classifier_to_onnx
from axons_runner.hyperparameters import Hyperparameters, fingerprint
from axons_runner.metrics import classification_metrics, confident_mistakes
from axons_runner.modelfile import FORMAT, LoadedModel, model_bytes, preprocessing
from axons_runner.tasks.common import Outcome, add_sheet, checkpoint_of, fetch, hold_out, insist_on_the_classes
from axons_runner.tasks.frozen import train_head
from axons_runner.tasks.pixels import EVALUATION_BATCH, preview, train_network
from axons_runner.tasks.pixels import evaluate as logits_of
from axons_runner.team import assembled

TASK = "classification"
CHECKED_PICTURES = 8


def train(assignment: Mapping[str, Any], engine: Engine, context: Context) -> Outcome:
    """Fetch the training set, train, and return metrics and model files. Raises Stopped, JobFailure."""
    settings = Hyperparameters.read(assignment["hyperparameters"] or {})
    source = fetch(assignment, engine, context)
    return train_on(source, settings, engine, context, resume=checkpoint_of(assignment, engine, context))


def train_on(
    source: TrainingSet, settings: Hyperparameters, engine: Engine, context: Context, *, resume: Path | None = None
) -> Outcome:
    """Train on a set that is already here."""
    if settings.architecture not in engine.architectures or settings.architecture not in architectures(TASK):
        raise InvalidInput(f"This runner does not know the architecture “{settings.architecture}”.")
    check_training_set(source, context)
    marker = fingerprint(settings, source.classes, source.manifest_sha256)
    frozen, sheet = is_frozen(settings), None
    if frozen:
        embedded = EmbeddedSet(source, engine.embedder, engine.embeddings)
        trained = train_head(source, embedded, settings, context, fingerprint=marker, resume=resume)
        network, logits = Classifier(engine.backbone.features, LITE0_CHANNELS, len(source.classes)), trained.logits
        network.head = trained.head.to(engine.device)
    else:
        plan = (resume and checkpoint_plan(resume)) or engine.plans.get(settings.architecture)
        network = begin_network(settings, len(source.classes), engine)
        how: dict[str, Any] = {"fingerprint": marker, "resume": resume, "plan": plan}
        with assembled(engine, source, settings, context, **how) as team:
            logits = train_network(network, source, settings, engine.device, context, **how, team=team)
        sheet = preview(source, settings)
    validation = source.by_split["validation"]
    labels = source.labels(validation)
    metrics = classification_metrics(logits, labels, source.classes)
    names = [source.pictures[i].sha256 for i in validation]
    metrics["mistakes"] = confident_mistakes(logits, labels, source.classes, names)
    context.progress("exporting", 0, 1, "files")
    card = model_card(source, settings, engine, {k: metrics[k] for k in ("accuracy", "loss", "count")})
    files = write_files(network.eval(), card, metrics, source, engine, context, frozen=frozen)
    add_sheet(files, sheet, context)
    context.progress("exporting", 1, 1, "files")
    return Outcome({"metrics": {"validation": metrics}, "model": card}, files)


def begin_network(settings: Hyperparameters, classes: int, engine: Engine) -> Classifier:
    """Return the network that learns from pixels: weights from the seed, and published ones where asked for."""
    torch.manual_seed(settings.seed)
    network = untrained(settings.architecture, classes)
    if ARCHITECTURES[settings.architecture]["pretrained"] and settings.fine_tuning != "scratch":
        network.features.load_state_dict(engine.published(settings.architecture), strict=False)
    return network


def evaluate(assignment: Mapping[str, Any], engine: Engine, context: Context) -> Outcome:
    """Score a model on every picture of a hidden test set; the result names no picture. Raises Stopped, JobFailure."""
    model = engine.model(assignment["model"]["files"])
    source = fetch(assignment, engine, context)
    return Outcome({"metrics": evaluate_on(source, model, engine, context)})


def evaluate_on(source: TrainingSet, model: LoadedModel, engine: Engine, context: Context) -> dict[str, Any]:
    """Return the metrics of ``model`` on all pictures of ``source``."""
    insist_on_the_classes(model, source)
    everything = list(range(len(source.pictures)))
    if model.frozen:
        embedded = EmbeddedSet(source, engine.embedder, engine.embeddings)
        views = [View(i, False) for i in everything]
        for done in embedded.arrive(views):
            context.check()
            context.progress("evaluating", done, len(views), "images")
        with torch.inference_mode():
            logits = model.network.head(embedded.get(views).to(engine.device)).cpu()
    else:
        settings = model.preprocessing
        pixels = PixelTable(source, everything, settings["image_size"], context.work_dir)
        labels = source.labels(everything)
        batches = Batches(
            pixels, labels, EVALUATION_BATCH, settings["mean"], settings["std"], shuffle=False, device=engine.device
        )
        logits = logits_of(model.network, batches, context)
    order = [source.classes.index(c) for c in model.classes]
    position = {number: row for row, number in enumerate(order)}
    labels = torch.tensor([position[p.label] for p in source.pictures], dtype=torch.int64)
    return classification_metrics(logits, labels, model.classes)


def predict(assignment: Mapping[str, Any], engine: Engine, context: Context, *, picture: bytes) -> Outcome:
    """Name what is in ``picture`` (a JPEG made by :mod:`axons_runner.pictures`) and show where the model saw it."""
    model = engine.model(assignment["model"]["files"])
    began = time.perf_counter()
    settings = model.preprocessing
    pixels = torch.from_numpy(decode(picture, settings["image_size"])[None].copy()).to(engine.device)
    image = normalise(pixels, settings["mean"], settings["std"])
    logits, heat = grad_cam(model.network, engine.maps(model, image))
    probabilities = logits.float().softmax(0).cpu()
    seconds = time.perf_counter() - began
    with Image.open(io.BytesIO(picture), formats=["JPEG"]) as converted:
        png = overlay(converted, heat.cpu().numpy().astype(np.float32))
    files = {"picture.jpg": context.work_dir / "picture.jpg", "overlay.png": context.work_dir / "overlay.png"}
    files["picture.jpg"].write_bytes(picture)
    files["overlay.png"].write_bytes(png)
    ranked = [
        {"label": model.classes[i], "probability": float(probabilities[i])}
        for i in probabilities.argsort(descending=True, stable=True).tolist()
    ]
    return Outcome({"probabilities": ranked, "seconds": round(seconds, 4)}, files)


def check_training_set(source: TrainingSet, context: Context) -> None:
    """Raise InvalidInput when there is nothing to learn from; hold pictures out when the set does not."""
    if len(source.classes) < 2:
        raise InvalidInput("A training set needs at least two classes; this one has fewer.")
    hold_out(source, context)
    present = {source.pictures[i].label for i in source.by_split.get("train", [])}
    missing = [label for number, label in enumerate(source.classes) if number not in present]
    if missing:
        raise InvalidInput(
            f"There is no training picture with the label “{missing[0]}”. Add some, or remove the class."
        )
    if not source.by_split["validation"]:
        raise InvalidInput("There are too few pictures to hold some out for validation. Add more of each class.")


def model_card(
    source: TrainingSet, settings: Hyperparameters, engine: Engine, summary: dict[str, Any]
) -> dict[str, Any]:
    """Return the content of model.json."""
    return {
        "format": FORMAT,
        "task": TASK,
        "architecture": settings.architecture,
        "classes": source.classes,
        "preprocessing": preprocessing(settings.architecture),
        "backbone": engine.backbone.description() if is_frozen(settings) else None,
        "hyperparameters": vars(settings).copy(),
        "metrics": summary,
        "training_set": {"id": source.identifier, "manifest_sha256": source.manifest_sha256},
        "seed": settings.seed,
        "versions": {"runner": axons_runner.__version__, "torch": str(torch.__version__), "onnx": onnx.__version__},
    }


def write_files(
    network: Classifier, card: dict[str, Any], metrics: dict[str, Any], source: TrainingSet, engine: Engine,
    context: Context, *, frozen: bool,
) -> dict[str, Path]:  # fmt: skip
    """Write model.safetensors, model.json, model.onnx (checked against torch on real pictures) and metrics.json."""
    how = card["preprocessing"]
    exported = classifier_to_onnx(network, how["image_size"])
    images = sample_images(source, how).to(engine.device)
    with torch.inference_mode():
        logits = network(images)
    difference = check_export(exported, logits, images)
    context.log(f"The ONNX export agrees with the model (largest difference of a logit {difference:.1e}).")
    contents = {
        "model.safetensors": model_bytes(network, frozen=frozen),
        "model.json": json.dumps(card, indent=1, ensure_ascii=False).encode(),
        "model.onnx": exported,
        "metrics.json": json.dumps({"validation": metrics}, indent=1, ensure_ascii=False).encode(),
    }
    for name, content in contents.items():
        (context.work_dir / name).write_bytes(content)
    return {name: context.work_dir / name for name in contents}


def sample_images(source: TrainingSet, how: Mapping[str, Any]) -> Tensor:
    """Return a few validation pictures as the model sees them: (n, 3, size, size)."""
    some = source.by_split["validation"][:CHECKED_PICTURES]
    return normalise(torch.from_numpy(source.decode(some, how["image_size"])), how["mean"], how["std"])
