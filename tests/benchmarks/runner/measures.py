"""What is measured, each as a table: (a) to (e) of the runner's promises."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from axons_runner.backbones import LITE0_CHANNELS, Classifier, lite0_features, lite0_weights, small_cnn
from axons_runner.context import Context
from axons_runner.data import Batches, PixelTable, TrainingSet, decode, normalise
from axons_runner.engine import Engine
from axons_runner.hyperparameters import Hyperparameters
from axons_runner.modelfile import MEAN, STD
from axons_runner.tasks import classification
from axons_runner.tasks.loop import Training
from axons_runner.tasks.pixels import train_one_epoch
from tests.benchmarks.runner.agent import Runner
from tests.benchmarks.runner.bare import bare_epoch
from tests.benchmarks.runner.naive_runs import TARGET, NaiveRuns
from tests.benchmarks.runner.pairs import Pairs, median
from tests.benchmarks.runner.pictures import Pictures
from tests.benchmarks.service.report import Table
from tests.runner.synthetic import load_pack

SIDES = {"small_cnn": 64, "efficientnet_lite0": 224}
NAMES = {"small_cnn": "small CNN, 64 px", "efficientnet_lite0": "EfficientNet-Lite0, all of it trained, 224 px"}


@dataclass
class Sizes:
    """How much is measured."""

    train: int = 120  # pictures of each class
    test: int = 40
    runs: int = 3
    pairs: int = 25
    steps: dict[str, tuple[int, int]] = field(  # (batches, pictures in a batch) of one side of a pair
        default_factory=lambda: {"small_cnn": (8, 32), "efficientnet_lite0": (2, 16)}
    )
    images: dict[str, int] = field(default_factory=lambda: {"small_cnn": 1200, "efficientnet_lite0": 320})
    naive_epochs: int = 4
    look_every: int = 5
    learning_rates: tuple[float, ...] = (0.0001, 0.0003, 0.001, 0.003)
    predictions: int = 200


QUICK = Sizes(
    train=20, test=6, runs=1, pairs=15, steps={"small_cnn": (4, 32), "efficientnet_lite0": (1, 8)},
    images={"small_cnn": 200, "efficientnet_lite0": 64}, naive_epochs=1, look_every=3, learning_rates=(0.001,),
    predictions=30,
)  # fmt: skip


class Silent:
    """A reporter that nobody listens to."""

    def event(self, kind: str, data: Any) -> None: ...

    def checkpoint(self, path: Path, step: int, epoch: int) -> None:
        path.unlink()

    def stop_reason(self) -> None:
        return None


class Bench:
    """Pictures, folders and an engine, made once."""

    def __init__(self, sizes: Sizes, folder: Path, threads: int) -> None:
        self.sizes, self.folder = sizes, folder
        self.pictures = Pictures.read(sizes.train, sizes.test)
        self.naive = NaiveRuns(*self.pictures.folders(folder / "folders"), folder / "engine", sizes.look_every)
        self.engine = Engine(folder / "engine", threads)
        self.engine.warm_up()

    def loop(self) -> Table:
        """(a) What observing, saving and stopping cost."""
        table = Table(
            "(a) Our loop beside a bare loop",
            ["model", "pairs", "ours, ms a step", "bare, ms a step", "ours / bare (95 % interval)"],
            "at most 1.03",
        )
        table.load = os.getloadavg()[0]
        for name, (batches, size) in self.sizes.steps.items():
            pixels, labels = self._decoded(name, batches * size)
            plan = self.engine.plans.get(name)
            ours, theirs = self._model(name), self._model(name)
            plan.place(theirs, self.engine.device)
            epoch = self._our_epoch(name, ours, pixels, labels, size)
            optimizer = torch.optim.AdamW(theirs.parameters(), lr=1e-3, weight_decay=0.01, foreach=True)

            def bare(
                model: Any = theirs, by: Any = optimizer, what: Any = (pixels, labels, size), plan: Any = plan
            ) -> None:
                with plan.computing(what[0].device):
                    bare_epoch(model, by, *what)

            pairs = Pairs.measure(epoch, bare, self.sizes.pairs)
            each = [f"{statistics.median(s) / batches * 1000:.1f}" for s in (pairs.ours, pairs.theirs)]
            table.add(f"{NAMES[name]}, batch {size}", str(len(pairs.ours)), *each, pairs.ratio())
        return table

    def training(self) -> Table:
        """(b) and (c): from Train to a model, and to the first figure."""
        count = f"{len(self.pictures.train)} photographs, {len(self.pictures.test)} held back"
        table = Table(
            f"(b, c) From Train to a model: {count}, {len(self.pictures.classes)} classes",
            [
                "what",
                "first validation figure, s",
                f"≥ {TARGET:.0%} of those held back, s",
                "model kept, s",
                "accuracy",
            ],
            f"{TARGET:.0%} 4 s after the claim; again, or another learner, 0.5 s; first figure 0.5 s warm, 1.5 s cold",
        )
        table.load = os.getloadavg()[0]
        pack, theirs = self.pictures.pack(), self.pictures.pack(without_every=20)
        names = (
            "warm runner, pictures never seen",
            "the second Train",
            "another learner's first",
            "cold process, pictures seen before",
            "the same, from the start of the process",
        )
        ours: dict[str, list[Any]] = {name: [] for name in names}
        naive: list[dict[str, float]] = []
        rate = self.naive.tuned_rate(self.sizes.learning_rates)
        for run in range(self.sizes.runs):
            runner = Runner(self.folder / f"runner-{run}")
            try:
                runner.warm()
                ours[names[0]].append(runner.train(pack, TARGET))
                ours[names[1]].append(runner.train(pack, TARGET, seed=1))
                ours[names[2]].append(runner.train(theirs, TARGET, seed=2))
                ours[names[3]].append(runner.train(pack, TARGET, cold=True))
                ours[names[4]].append(ours[names[3]][-1].from_start)
            finally:
                runner.close()
            naive.append(self.naive.to_target(rate, self.sizes.naive_epochs, seed=run))
        for name, runs in ours.items():
            table.add(
                name,
                median([r.first_validation for r in runs]),
                _reached([r.at_target for r in runs]),
                median([r.succeeded for r in runs]),
                f"{statistics.median(r.accuracy for r in runs):.1%}",
            )
        table.add(
            f"naive script, learning rate {rate:g}", "", _reached([r["at_target"] for r in naive]), "",
            f"{statistics.median(r['accuracy'] for r in naive):.1%}",
        )  # fmt: skip
        faster = _ratio([r["at_target"] for r in naive], [r.at_target for r in ours[names[0]]])
        table.add("naive / warm runner, to the target", "", faster, "", "")
        return table

    def throughput(self) -> Table:
        """(d) Pictures a second through the whole network, decoding included."""
        table = Table(
            "(d) Training every layer, pictures a second, decoding included",
            ["model", "pictures", "ours", "naive script", "ours / naive"],
            "3 for EfficientNet-Lite0, 2 from scratch",
        )
        table.load = os.getloadavg()[0]
        for name, images in self.sizes.images.items():
            ours, naive = [], []
            count = min(images, len(self.pictures.train))
            for run in range(self.sizes.runs):
                naive.append(
                    self.naive.run(name, 0.001, "--images", str(count), "--seed", str(run))[-1]["images_per_second"]
                )
                ours.append(count / self._our_seconds(name, count))
            ratio = statistics.median(a / b for a, b in zip(ours, naive, strict=True))
            table.add(NAMES[name], str(count), median(ours, 1), median(naive, 1), f"{ratio:.2f}")
        return table

    def inference(self) -> Table:
        """(e) One picture."""
        table = Table(
            "(e) One picture in a warm runner, EfficientNet-Lite0",
            ["what", "p50, ms", "p99, ms", "ours / bare engine (95 % interval)"],
            "at most 1.3",
        )
        table.load = os.getloadavg()[0]
        engine, count = self.engine, self.sizes.predictions
        work = self.folder / "inference"
        work.mkdir()
        runner = Runner(work / "service")
        try:
            source = load_pack(self.pictures.pack(), work)
            source.classes = self.pictures.classes
            settings = Hyperparameters("efficientnet_lite0", 1, 0.003, 32, False, 0)
            outcome = classification.train_on(source, settings, engine, Context(Silent(), work))
            files = [runner.service.put(n, outcome.files[n].read_bytes()) for n in ("model.json", "model.safetensors")]
            job = {"model": {"files": files}}
            picture = self.pictures.test[0][1]
            model = engine.model(files)

            def tensor() -> Tensor:
                return normalise(torch.from_numpy(decode(picture, 224)[None].copy()), MEAN, STD)

            image = tensor()
            assert engine.embedder.session is not None
            session = engine.embedder.session

            def bare() -> Any:
                return session.run(["embedding"], {"input": image.numpy()})

            def named() -> Any:
                with torch.inference_mode():
                    return model.network.classify(engine.maps(model, tensor())).softmax(1)

            def whole() -> Any:
                return classification.predict(job, engine, Context(Silent(), work), picture=picture)

            for name, act in (("JPEG to probabilities", named), ("with Grad-CAM, overlay and its files", whole)):
                pairs = Pairs.measure(act, bare, count)
                table.add(name, *_percentiles(pairs.ours), pairs.ratio())
            table.add("bare engine (ONNX Runtime) on a prepared tensor", *_percentiles(pairs.theirs), "")
        finally:
            runner.close()
        return table

    def _model(self, name: str) -> Classifier:
        torch.manual_seed(0)
        if name == "small_cnn":
            return small_cnn(len(self.pictures.classes))
        features = lite0_features()
        features.load_state_dict(lite0_weights(self.folder / "engine")[0], strict=False)
        return Classifier(features, LITE0_CHANNELS, len(self.pictures.classes))

    def _source(self) -> TrainingSet:
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        source = load_pack(self.pictures.pack(), folder)
        source.classes = self.pictures.classes
        return source

    def _decoded(self, name: str, count: int) -> tuple[Tensor, Tensor]:
        source = self._source()
        indices = [i % len(self.pictures.train) for i in range(count)]
        return torch.from_numpy(source.decode(indices, SIDES[name])), source.labels(indices)

    def _our_epoch(
        self, name: str, model: Classifier, pixels: Tensor | PixelTable, labels: Tensor, size: int
    ) -> Callable[[], None]:
        settings = Hyperparameters(name, 10_000, 0.001, size, False, 0)
        loader = Batches(pixels, labels, size, MEAN, STD)
        plan = self.engine.plans.get(name)
        plan.place(model, self.engine.device)
        training = Training(model, settings, len(loader), "benchmark", plan)
        context = Context(Silent(), self.folder)
        criterion = torch.nn.CrossEntropyLoss()

        def epoch() -> None:
            train_one_epoch(model, criterion, training, loader, training.position.epoch, context)
            training.end_epoch()

        return epoch

    def _our_seconds(self, name: str, count: int) -> float:
        model, source = self._model(name), self._source()
        began = time.perf_counter()
        indices = list(range(count))
        pixels = PixelTable(source, indices, SIDES[name], self.folder)
        self._our_epoch(name, model, pixels, source.labels(indices), 32)()
        return time.perf_counter() - began


def _reached(seconds: list[float | None]) -> str:
    known = [s for s in seconds if s is not None]
    missed = f"; not reached in {len(seconds) - len(known)} of {len(seconds)}" if len(known) < len(seconds) else ""
    return (median(known) if known else "") + (missed if known else missed.removeprefix("; "))


def _ratio(above: list[float | None], below: list[float | None]) -> str:
    ratios = [a / b for a, b in zip(above, below, strict=True) if a is not None and b is not None]
    return f"{statistics.median(ratios):.1f}" if len(ratios) == len(above) else "cannot be said"


def _percentiles(seconds: list[float]) -> tuple[str, str]:
    ordered = sorted(seconds)
    return (
        f"{statistics.median(ordered) * 1000:.1f}",
        f"{ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))] * 1000:.1f}",
    )
