"""The work of a slot's child, shortened but not faked: softmax regression on the set's real pictures, in numpy.

Speaks the worker's protocol with the worker's own reporter and context: real downloads, real checkpoints from which a
later attempt resumes, real artifacts that evaluations and predictions read back from the object store.
"""

from __future__ import annotations

import io
import json
import math
import os
import queue
import signal
import tarfile
import threading
import time
import traceback
from collections.abc import Mapping
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save_file

from axons_runner.cache import DiskCache, download
from axons_runner.context import Context
from axons_runner.errors import OUR_FAULT, Infrastructure, InvalidInput, JobFailure, Stopped
from axons_runner.worker import PipeReporter, _listen
from tests.faults.chaos import clock

SIDE = 8
STEPS_PER_EPOCH = 8
STEP_SECONDS = float(os.environ.get("CHAOS_STEP_SECONDS", "0.03"))  # of a small model on a small machine
MAX_MANIFEST_BYTES = 1 << 20
Floats = NDArray[np.float32]


def main(pipe: Connection, slot: str, cache_dir: str, *_: object) -> None:
    """Run jobs until the parent is gone."""
    clock.sleep_under_faketime()
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, signal.SIG_IGN)
    reporter = PipeReporter(pipe)
    jobs: queue.SimpleQueue[tuple[dict[str, Any], str]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(pipe, reporter, jobs), daemon=True).start()
    cache = DiskCache(Path(cache_dir) / slot, 64 << 20)
    reporter.send("ready", {"device": "cpu", "architectures": ["small_cnn"], "refused": []})
    while True:
        assignment, work_dir = jobs.get()
        reporter.send(*_run(assignment, Context(reporter, Path(work_dir)), cache))


def _run(assignment: Mapping[str, Any], context: Context, cache: DiskCache) -> tuple[Any, ...]:
    kinds = {"training": _train, "evaluation": _evaluate, "inference": _predict}
    try:
        result, files = kinds[assignment["kind"]](assignment, context, cache)
    except Stopped as stopped:
        return "stopped", stopped.reason
    except Infrastructure as failure:
        return "failed", failure.failure_class, failure.message, failure.detail
    except JobFailure as failure:
        return "failed", failure.failure_class, failure.message, ""
    except Exception:
        return "failed", "infrastructure", OUR_FAULT, traceback.format_exc()
    return "done", result, {name: str(path) for name, path in files.items()}


def _train(assignment: Mapping[str, Any], context: Context, cache: DiskCache) -> tuple[dict[str, Any], dict[str, Path]]:
    settings, classes = assignment["hyperparameters"], list(assignment["classes"])
    context.progress("fetching", 0, 1, "files")
    pixels, labels, splits = _pictures(assignment["training_set"], classes, cache)
    train = splits != "validation"
    weights, epoch = np.zeros((pixels.shape[1], len(classes)), np.float32), 1
    fingerprint = assignment["training_set"]["manifest"]["sha256"]
    if assignment["resume"]:
        weights, epoch = _resume(assignment, fingerprint, weights, context, cache)
    targets = np.eye(len(classes), dtype=np.float32)[labels]
    epochs = int(settings["epochs"])
    while epoch <= epochs:
        context.progress("training", epoch - 1, epochs, "epochs")
        for _ in range(STEPS_PER_EPOCH):
            context.check()
            gradient = pixels[train].T @ (_softmax(pixels[train] @ weights) - targets[train]) / train.sum()
            weights -= np.float32(settings["learning_rate"]) * gradient
            time.sleep(STEP_SECONDS)
        accuracy, loss = _quality(pixels[~train], labels[~train], weights)
        step = epoch * STEPS_PER_EPOCH
        context.metrics(step=step, epoch=float(epoch), split="validation", loss=loss, accuracy=accuracy)
        epoch += 1
        save = partial(_save, weights=weights, fingerprint=fingerprint, epoch=epoch)
        context.after_step(save, epoch_end=epoch <= epochs)
    accuracy, loss = _quality(pixels[~train], labels[~train], weights)
    metrics = {"accuracy": accuracy, "loss": loss, "count": int((~train).sum())}
    card = {"format": 1, "task": "classification", "architecture": "small_cnn", "classes": classes, "metrics": metrics}
    files = {name: context.work_dir / name for name in ("model.safetensors", "model.json")}
    save_file({"weights": weights}, files["model.safetensors"])
    files["model.json"].write_text(json.dumps(card))
    return {"metrics": {"validation": metrics}, "model": card}, files


def _evaluate(
    assignment: Mapping[str, Any], context: Context, cache: DiskCache
) -> tuple[dict[str, Any], dict[str, Path]]:
    weights = _model(assignment, cache)
    pixels, labels, _ = _pictures(assignment["training_set"], list(assignment["classes"]), cache)
    for done in range(STEPS_PER_EPOCH):
        context.check()
        context.progress("evaluating", done, STEPS_PER_EPOCH, "images")
        time.sleep(STEP_SECONDS)
    accuracy, loss = _quality(pixels, labels, weights)
    return {"metrics": {"accuracy": accuracy, "loss": loss, "count": len(labels)}}, {}


def _predict(
    assignment: Mapping[str, Any], context: Context, cache: DiskCache
) -> tuple[dict[str, Any], dict[str, Path]]:
    picture, began = assignment["picture"], time.perf_counter()
    weights = _model(assignment, cache)
    path = context.work_dir / "picture.jpg"
    download(picture["url"], path, sha256=None, limit_bytes=picture["bytes"])
    context.progress("evaluating", 0, 1, "images")
    time.sleep(STEP_SECONDS)
    (chances,) = _softmax(_decode(path.read_bytes())[None] @ weights)
    ranked = [{"label": n, "probability": float(p)} for n, p in zip(assignment["classes"], chances, strict=True)]
    return {"probabilities": ranked, "seconds": time.perf_counter() - began}, {"picture.jpg": path}


def _save(path: Path, weights: Floats, fingerprint: str, epoch: int) -> tuple[int, int]:
    save_file({"weights": weights}, path, {"fingerprint": fingerprint, "epoch": str(epoch)})
    return (epoch - 1) * STEPS_PER_EPOCH, epoch - 1


def _resume(
    assignment: Mapping[str, Any], fingerprint: str, fresh: Floats, context: Context, cache: DiskCache
) -> tuple[Floats, int]:
    """Weights and next epoch of an earlier attempt's checkpoint; anew when it cannot be had."""
    try:
        path = cache.fetch(assignment["resume"]["file"])
        with safe_open(str(path), "np") as file:
            metadata = file.metadata() or {}
            if metadata.get("fingerprint") != fingerprint:
                raise InvalidInput("The checkpoint belongs to another training set.")
            return file.get_tensor("weights"), int(metadata["epoch"])
    except (Infrastructure, SafetensorError) as problem:
        context.log(f"The checkpoint cannot be read, so the training begins anew: {problem}")
        return fresh, 1


def _model(assignment: Mapping[str, Any], cache: DiskCache) -> Floats:
    files = {file["name"]: file for file in assignment["model"]["files"]}
    return load_file(cache.fetch(files["model.safetensors"]))["weights"]


def _pictures(
    source: Mapping[str, Any], classes: list[str], cache: DiskCache
) -> tuple[Floats, NDArray[np.int64], NDArray[np.str_]]:
    """Pixels (n, SIDE * SIDE * 3) in 0 to 1, labels (n,) and splits (n,) of a training set."""
    manifest = json.loads(cache.fetch({"bytes": MAX_MANIFEST_BYTES, **source["manifest"]}).read_bytes())
    found: dict[str, Floats] = {}
    for shard in source["shards"]:
        with tarfile.open(cache.fetch(shard), "r:") as tar:
            for member in tar:
                content = tar.extractfile(member)
                if content is not None:
                    found[Path(member.name).stem] = _decode(content.read())
    images = manifest["images"]
    missing = [image["sha256"] for image in images if image["sha256"] not in found]
    if missing:
        raise Infrastructure(f"{len(missing)} pictures of the manifest are in no shard.")
    pixels = np.stack([found[image["sha256"]] for image in images])
    labels = np.array([classes.index(image["label"]) for image in images])
    return pixels, labels, np.array([image["split"] for image in images])


def _decode(data: bytes) -> Floats:
    with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
        small = image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    return np.asarray(small, np.float32).reshape(-1) / 255


def _softmax(logits: Floats) -> Floats:
    raised = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(raised / raised.sum(1, keepdims=True), np.float32)


def _quality(pixels: Floats, labels: NDArray[np.int64], weights: Floats) -> tuple[float, float]:
    """Accuracy and cross-entropy."""
    chances = _softmax(pixels @ weights)
    loss = -float(np.log(np.maximum(chances[np.arange(len(labels)), labels], 1e-9)).mean())
    return float((chances.argmax(1) == labels).mean()), loss if math.isfinite(loss) else 0.0
