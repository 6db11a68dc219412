"""Train on a folder, without a service: the same task code, for recipes and for measuring.

    python -m axons_runner.local_train --data DIR [--hidden DIR] --architecture small_cnn --out DIR

``DIR`` holds ``images.tar`` and ``dataset.json`` ({"classes", "images": [{"path", "sha256", "label", "split"?}]}).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
import tarfile
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from axons_runner.context import Context
from axons_runner.errors import JobFailure, StopReason
from axons_runner.hyperparameters import FINE_TUNING, Hyperparameters
from axons_runner.process import prepare
from axons_runner.settings import default_cache_dir


class PrintingReporter:
    """Prints each event with the seconds since the start, and remembers when the first validation came."""

    def __init__(self) -> None:
        self.began = time.perf_counter()
        self.first_validation: float | None = None

    def event(self, kind: str, data: Mapping[str, Any]) -> None:
        seconds = time.perf_counter() - self.began
        if kind == "metrics" and data["split"] == "validation" and self.first_validation is None:
            self.first_validation = seconds
        shown = {k: round(v, 4) if isinstance(v, float) else v for k, v in data.items()}
        print(f"{seconds:7.2f} s  {kind:9} {json.dumps(shown, ensure_ascii=False)}", flush=True)

    def checkpoint(self, path: Path, step: int, epoch: int) -> None:
        self.event("checkpoint", {"step": step, "epoch": epoch, "bytes": path.stat().st_size})
        path.unlink()

    def stop_reason(self) -> StopReason | None:
        return None


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m axons_runner.local_train", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--hidden", type=Path, help="a test set to score the model on, after training")
    parser.add_argument("--architecture", default="efficientnet_lite0")
    parser.add_argument("--fine-tuning", choices=FINE_TUNING, default="frozen")
    parser.add_argument("--trainable-blocks", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--learning-rate", type=float, default=0.003)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--no-augmentation", dest="augmentation", action="store_false")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cache-dir", type=Path, default=default_cache_dir())
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    prepare()
    try:
        return _train(options)
    except JobFailure as failure:
        print(failure.message, file=sys.stderr)
        return 1


def _train(options: argparse.Namespace) -> int:
    from axons_runner.engine import Engine
    from axons_runner.modelfile import load_model
    from axons_runner.tasks import classification

    engine = Engine(options.cache_dir, options.threads)
    engine.warm_up()
    settings = Hyperparameters(
        options.architecture, options.epochs, options.learning_rate, options.batch_size, options.augmentation,
        options.seed, fine_tuning=options.fine_tuning, trainable_blocks=options.trainable_blocks,
    )  # fmt: skip
    reporter = PrintingReporter()  # the clock starts with a warm engine, like a claim
    with tempfile.TemporaryDirectory() as folder:
        context = Context(reporter, Path(folder))
        outcome = classification.train_on(read_folder(options.data, Path(folder) / "data"), settings, engine, context)
        seconds = time.perf_counter() - reporter.began
        options.out.mkdir(parents=True, exist_ok=True)
        for name, path in outcome.files.items():
            shutil.copyfile(path, options.out / name)
        summary = {
            "validation_accuracy": outcome.result["metrics"]["validation"]["accuracy"],
            "first_validation_seconds": reporter.first_validation,
            "seconds": seconds,
        }
        if options.hidden:
            card, weights = ((options.out / n).read_bytes() for n in ("model.json", "model.safetensors"))
            model = load_model(card, weights, engine.backbone)
            hidden = read_folder(options.hidden, Path(folder) / "hidden")
            metrics = classification.evaluate_on(hidden, model, engine, context)
            summary |= {"hidden_accuracy": metrics["accuracy"], "hidden_count": metrics["count"]}
    print(json.dumps(summary))
    return 0


def read_folder(folder: Path, work_dir: Path) -> Any:
    """Return the TrainingSet of a folder; pictures without a split are for training."""
    from axons_runner.data import TrainingSet, read_pictures

    text = (folder / "dataset.json").read_bytes()
    manifest = json.loads(text)
    for image in manifest["images"]:
        image.setdefault("split", "train")
    shard = folder / "images.tar"
    with tarfile.open(shard, "r:") as tar:
        members = {m.name: (shard, m.offset_data, m.size) for m in tar if m.isfile()}
    places = {image["sha256"]: members[image["path"]] for image in manifest["images"]}
    digest = hashlib.sha256(text).hexdigest()
    return TrainingSet(list(manifest["classes"]), read_pictures(manifest), places, digest, manifest.get("name"))


if __name__ == "__main__":
    sys.exit(main())
