"""What the two ways of training share: schedule, optimizer, state, running metrics, the guard against a lost loss."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from axons_runner.checkpoint import Position, UnusableCheckpoint, load_checkpoint, save_checkpoint
from axons_runner.context import Context
from axons_runner.errors import InvalidInput
from axons_runner.tuning import USUAL, Plan

WEIGHT_DECAY = 0.01


@dataclass(frozen=True)
class Hyperparameters:
    """A training job's settings, within any author's bounds. ``augmentation``: for small_cnn every picture is mirrored
    and shifted at random in each epoch; for the frozen backbone the second epoch sees every picture mirrored, and each
    later epoch a random choice of the two."""

    architecture: str
    epochs: int
    learning_rate: float
    batch_size: int
    augmentation: bool
    seed: int

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Hyperparameters:
        """Return the settings of an assignment. Raises InvalidInput for what no spec can have allowed."""
        try:
            settings = cls(
                str(values["architecture"]),
                int(values["epochs"]),
                float(values["learning_rate"]),
                int(values["batch_size"]),
                bool(values["augmentation"]),
                int(values["seed"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidInput("The hyperparameters of this job are not complete.") from error
        if not (settings.epochs >= 1 and settings.batch_size >= 1 and 0 < settings.learning_rate < math.inf):
            raise InvalidInput("Epochs, batch size and learning rate must be greater than zero.")
        return settings


@dataclass
class Training:
    """Model, optimizer and position of one training run, and its way into and out of checkpoints."""

    model: nn.Module
    settings: Hyperparameters
    steps_per_epoch: int
    fingerprint: str
    plan: Plan = USUAL
    position: Position = field(default_factory=Position)

    def __post_init__(self) -> None:
        parameters = [p for p in self.model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(
            parameters, lr=self.settings.learning_rate, weight_decay=WEIGHT_DECAY, foreach=True
        )

    @property
    def learning_rate(self) -> float:
        """The rate of the next step: cosine decay from the learner's rate to zero over all steps."""
        total = self.settings.epochs * self.steps_per_epoch
        return self.settings.learning_rate * 0.5 * (1 + math.cos(math.pi * self.position.step / total))

    @property
    def epoch(self) -> float:
        """Epochs finished, with a fraction."""
        return self.position.step / self.steps_per_epoch

    def step(self, loss: Tensor) -> None:
        """Make one optimizer step. Raises InvalidInput when the loss is no longer a number."""
        self.insist_on_a_number(loss.item())  # note: on a GPU this is a sync point
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.position.step += 1
        self.position.batch += 1

    def insist_on_a_number(self, loss: float) -> float:
        """Return the loss. Raises InvalidInput when it is infinite or not a number."""
        if not math.isfinite(loss):
            raise InvalidInput(
                f"The loss was no longer a number after {self.position.step} steps, so training stopped. The "
                f"learning rate of {self.settings.learning_rate:g} is probably too high for this model; try a tenth."
            )
        return loss

    def end_epoch(self) -> None:
        """Move on to the first batch of the next epoch."""
        self.position.epoch += 1
        self.position.batch = 0

    def save(self, path: Path) -> tuple[int, int]:
        """Write a checkpoint and return (step, epoch)."""
        save_checkpoint(
            path, model=self.model, optimizer=self.optimizer, position=self.position, fingerprint=self.fingerprint,
            plan=self.plan,
        )  # fmt: skip
        return self.position.step, self.position.epoch

    def resume(self, path: Path | None, context: Context) -> None:
        """Continue from a checkpoint; one that cannot be used is said so in the log, and training begins anew."""
        if path is None:
            return
        try:
            self.position = load_checkpoint(
                path, model=self.model, optimizer=self.optimizer, fingerprint=self.fingerprint
            )
            context.log(f"Continuing after step {self.position.step}, in epoch {self.position.epoch}.")
        except UnusableCheckpoint as problem:
            context.log(f"{problem} Training starts again from the beginning.")


def fingerprint(settings: Hyperparameters, classes: list[str], manifest_sha256: str) -> str:
    """Return what a checkpoint must agree with to be continued (sha256, hex)."""
    text = json.dumps([vars(settings), classes, manifest_sha256], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


class Running:
    """Mean loss and accuracy since the last time they were read, and images per second."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.loss, self.hits, self.count, self.since = 0.0, 0, 0, time.monotonic()

    def add(self, loss: Tensor, logits: Tensor, labels: Tensor) -> None:
        """Count one batch."""
        self.loss += float(loss.detach()) * len(labels)
        self.hits += int((logits.detach().argmax(1) == labels).sum())
        self.count += len(labels)

    def report(self, context: Context, training: Training) -> None:
        """Send the means as one row of the training curve and start anew."""
        if not self.count:
            return
        context.metrics(
            step=training.position.step,
            epoch=round(training.epoch, 4),
            split="train",
            loss=self.loss / self.count,
            accuracy=self.hits / self.count,
            images_per_second=round(self.count / max(time.monotonic() - self.since, 1e-6), 1),
            learning_rate=training.learning_rate,
        )
        self.reset()
