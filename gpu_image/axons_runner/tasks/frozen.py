"""A head on a frozen backbone: it learns from the first pictures while the others are still being embedded.

Epoch 1 is the pass in which embeddings arrive (validation pictures evenly between the training pictures). Which batch
is learned in which step depends on the seed only, never on the clock, so the result is the same with a full cache.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from axons_runner.backbones import LITE0_CHANNELS
from axons_runner.context import Context, Every
from axons_runner.data import TrainingSet, shuffled
from axons_runner.embedding import EmbeddedSet, View
from axons_runner.hyperparameters import Hyperparameters
from axons_runner.tasks.loop import Running, Training, make_criterion

LIVE_SECONDS = 0.5
ENOUGH_TO_VALIDATE = 12


@dataclass
class Trained:
    """What is left of a training run: the head, and its logits (n, classes) on the validation pictures."""

    head: nn.Linear
    logits: Tensor


def train_head(
    source: TrainingSet, embedded: EmbeddedSet, settings: Hyperparameters, context: Context, *,
    fingerprint: str, resume: Path | None,
) -> Trained:  # fmt: skip
    """Train a linear head on the embeddings of ``source`` and return it. Raises Stopped, InvalidInput."""
    torch.manual_seed(settings.seed)
    train, validation = source.by_split["train"], source.by_split["validation"]
    head = nn.Linear(LITE0_CHANNELS, len(source.classes))
    nn.init.zeros_(head.weight)  # a convex problem: nothing to break symmetry for, and the first loss is ln(classes)
    nn.init.zeros_(head.bias)
    if resume is None:  # the first pictures, before the optimizer: in a cold process torch still makes ready for one
        some = shuffled(len(validation), settings.seed, epoch=0)[:ENOUGH_TO_VALIDATE]
        begin = epoch_views(train, settings, 1)[: settings.batch_size] + [View(validation[i], False) for i in some]
        ensure(embedded, begin, context, context.check, "The first pictures")
    steps = -(-len(train) // settings.batch_size)
    training = Training(head, settings, steps, fingerprint)
    training.resume(resume, context)
    held_out = [View(i, False) for i in validation]
    live = Live(embedded, head, held_out, source.labels(validation), context, training)
    criterion = make_criterion(settings, source.labels(train), len(source.classes))

    def pause() -> None:
        context.after_step(training.save)

    while not training.over:
        views = epoch_views(train, settings, training.position.epoch)
        train_one_epoch(training, criterion, embedded, views, source, context, live)
        ensure(embedded, held_out, context, pause, "The validation pictures")
        live.report()
        training.end_epoch()
        training.judge(*live.figures)
        context.progress("training", training.position.epoch - 1, settings.epochs, "epochs")
        context.after_step(training.save, epoch_end=True)
    training.keep_best(context)
    ensure(embedded, held_out, context, pause, "The validation pictures")
    with torch.inference_mode():
        return Trained(head, head(embedded.get(held_out)))


def epoch_views(train: list[int], settings: Hyperparameters, epoch: int) -> list[View]:
    """Return the pictures of an epoch in order: as they are, then mirrored, then a random choice of both."""
    order = [train[i] for i in shuffled(len(train), settings.seed, epoch)]
    if not settings.augmentation or epoch == 1:
        return [View(i, False) for i in order]
    if epoch == 2:
        return [View(i, True) for i in order]
    generator = torch.Generator().manual_seed(settings.seed * 1_000_003 + epoch + 500_000)
    mirrored = (torch.rand(len(order), generator=generator) < 0.5).tolist()
    return [View(i, m) for i, m in zip(order, mirrored, strict=True)]


def train_one_epoch(
    training: Training, criterion: nn.Module, embedded: EmbeddedSet, views: list[View], source: TrainingSet,
    context: Context, live: Live,
) -> None:  # fmt: skip
    """Train on ``views`` in their order, from the batch at which the position stands, each as soon as it is there."""
    size, running = training.settings.batch_size, Running()
    start = training.position.batch * size
    arriving = arrival(views[start:], live.missing(), size)
    total, before, began = len(arriving), embedded.computed, time.monotonic()
    used = start
    training.model.train()
    for done in chain([0], embedded.arrive(arriving)):  # what is there already is learned at once
        context.after_step(training.save)
        if embedded.computed > before:
            speed = (embedded.computed - before) / (time.monotonic() - began)
            context.progress("embedding", done, total, "images", f"{speed:.0f} images per second")
        while used < len(views):
            batch = views[used : used + size]
            if not all(embedded.has(v) for v in batch):
                break
            labels = source.labels([v.index for v in batch])
            logits = training.model(embedded.get(batch))
            running.add(training.step(criterion(logits, labels)), logits, labels)
            used += len(batch)
            context.after_step(training.save)
        if live.due():
            running.report(context, training)
            live.report()
    running.report(context, training)


def arrival(views: list[View], held_out: list[View], batch_size: int) -> list[View]:
    """Return in which order the views of an epoch and those of the validation are embedded.

    One batch to learn from and a few held-out pictures come first, so that the first validation figure comes at once;
    then one held-out picture for each to learn from, so that the figures soon stand on all of them.
    """
    first = views[:batch_size] + held_out[:ENOUGH_TO_VALIDATE]
    later, rest = views[batch_size:], held_out[ENOUGH_TO_VALIDATE:]
    return first + interleave(later[: len(rest)], rest) + later[len(rest) :]


def interleave(first: list[View], second: list[View]) -> list[View]:
    """Return both lists as one, each in its order and spread evenly over the whole."""
    placed = [((i + 0.5) / len(part), which, i) for which, part in enumerate((first, second)) for i in range(len(part))]
    return [(first, second)[which][i] for _, which, i in sorted(placed)]


def ensure(
    embedded: EmbeddedSet, views: list[View], context: Context, pause: Callable[[], None], what: str
) -> None:  # fmt: skip
    """Compute what is still missing of ``views``; between chunks ``pause`` may raise Stopped."""
    missing = [v for v in views if not embedded.has(v)]
    for done in embedded.arrive(missing):
        pause()
        context.progress("embedding", done, len(missing), "images", what)


class Live:
    """Validation while training: the held-out pictures that have arrived, at most twice a second."""

    def __init__(
        self, embedded: EmbeddedSet, head: nn.Module, views: list[View], labels: Tensor, context: Context,
        training: Training,
    ) -> None:  # fmt: skip
        self.embedded, self.head, self.views, self.labels = embedded, head, views, labels
        self.context, self.training = context, training
        # a manifest may list class after class: the first few to arrive must not all be of the first one
        self.order = shuffled(len(views), training.settings.seed, epoch=0)
        self.clock = Every(LIVE_SECONDS)
        self.reported: tuple[int, bool] | None = None
        self.figures = (0.0, 0.0)

    @property
    def arrived(self) -> list[int]:
        return [row for row, view in enumerate(self.views) if self.embedded.has(view)]

    def missing(self) -> list[View]:
        """The held-out pictures that have not arrived, in the order in which they should."""
        return [self.views[row] for row in self.order if not self.embedded.has(self.views[row])]

    @property
    def complete(self) -> bool:
        return len(self.arrived) == len(self.views)

    def due(self) -> bool:
        """Return whether enough is there, and enough time has passed, for another row of the curve."""
        return len(self.arrived) >= min(ENOUGH_TO_VALIDATE, len(self.views)) and self.clock()

    def report(self) -> None:
        """Send a row of the validation curve, unless nothing was learned since the last one; keep (accuracy, loss)."""
        state = (self.training.position.step, self.complete)
        if self.reported == state:
            return
        self.reported = state
        rows = self.arrived
        self.head.eval()
        with torch.inference_mode():
            logits = self.head(self.embedded.get([self.views[r] for r in rows]))
        labels = self.labels[rows]
        loss = self.training.insist_on_a_number(float(functional.cross_entropy(logits, labels)))
        self.figures = int((logits.argmax(1) == labels).sum()) / len(labels), loss
        self.context.metrics(
            step=self.training.position.step, epoch=round(self.training.epoch, 4), split="validation", loss=loss,
            accuracy=self.figures[0], count=len(rows),
        )  # fmt: skip
        self.head.train()
