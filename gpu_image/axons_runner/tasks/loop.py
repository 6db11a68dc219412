"""What all ways of training share: optimizer, schedule, early stopping, state, running metrics, the guard for NaN."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from axons_runner.checkpoint import Position, UnusableCheckpoint, load_checkpoint, save_checkpoint
from axons_runner.context import Context
from axons_runner.errors import InvalidInput
from axons_runner.hyperparameters import Hyperparameters
from axons_runner.parallel import ALONE, Share, Team
from axons_runner.tuning import USUAL, Plan

MOMENTUM = 0.9
PRETRAINED_RATE = 0.1  # of the learner's rate: published weights need small corrections, a new head large ones
SMALLEST_SCALE = 1.0  # of the loss in float16: below it, gradients overflow as they are, 17 steps in a row
STEP_THIRDS = 3  # the schedule "step" divides the rate by ten after each third


def make_optimizer(model: nn.Module, settings: Hyperparameters, pretrained: nn.Module | None) -> torch.optim.Optimizer:
    """Return the optimizer of what requires a gradient; ``pretrained`` layers learn at a tenth of the rate."""
    known = set() if pretrained is None else set(pretrained.parameters())
    learning = [p for p in model.parameters() if p.requires_grad]
    parts = [([p for p in learning if p not in known], 1.0), ([p for p in learning if p in known], PRETRAINED_RATE)]
    groups = [
        {"params": parameters, "lr": settings.learning_rate * scale, "scale": scale}
        for parameters, scale in parts
        if parameters
    ]
    if settings.optimizer == "sgd":
        return torch.optim.SGD(groups, momentum=MOMENTUM, weight_decay=settings.weight_decay, foreach=True)
    kind = torch.optim.AdamW if settings.optimizer == "adamw" else torch.optim.Adam
    return kind(groups, weight_decay=settings.weight_decay, foreach=True)


def make_criterion(settings: Hyperparameters, labels: Tensor, classes: int) -> nn.CrossEntropyLoss:
    """Return the training loss; with class weights a picture counts n / (classes · pictures of its class)."""
    weight = None
    if settings.class_weights:
        weight = len(labels) / (classes * torch.bincount(labels, minlength=classes).clamp(min=1).float())
    return nn.CrossEntropyLoss(weight, label_smoothing=settings.label_smoothing)


@dataclass
class Training:
    """Model, optimizer and position of one training run, and its way into and out of checkpoints.

    ``still`` are the layers that do not learn: their batch norms keep their statistics.
    """

    model: nn.Module
    settings: Hyperparameters
    steps_per_epoch: int
    fingerprint: str
    plan: Plan = USUAL
    position: Position = field(default_factory=Position)
    pretrained: nn.Module | None = None
    still: Sequence[nn.Module] = ()
    best: dict[str, Tensor] | None = None
    team: Team = ALONE
    measure: str = "accuracy"  # what the best epoch is chosen by, in the words of the log

    def __post_init__(self) -> None:
        self.optimizer = make_optimizer(self.model, self.settings, self.pretrained)
        self.learning = [p for group in self.optimizer.param_groups for p in group["params"]]
        self.scaler = torch.amp.GradScaler(self.learning[0].device.type, enabled=self.plan.scales)

    @property
    def learning_rate(self) -> float:
        """The rate of the next step: a line up during warm-up, then the schedule over the steps that are left."""
        settings, step = self.settings, self.position.step
        total = settings.epochs * self.steps_per_epoch
        warm = min(round(settings.warmup_epochs * self.steps_per_epoch), total)
        if step < warm:
            return settings.learning_rate * (step + 1) / warm
        done = (step - warm) / max(total - warm, 1)
        if settings.schedule == "constant":
            return settings.learning_rate
        if settings.schedule == "step":
            return settings.learning_rate * 0.1 ** min(int(done * STEP_THIRDS), STEP_THIRDS - 1)
        return settings.learning_rate * 0.5 * (1 + math.cos(math.pi * done))

    @property
    def epoch(self) -> float:
        """Epochs finished, with a fraction."""
        return self.position.step / self.steps_per_epoch

    @property
    def over(self) -> bool:
        """Whether all epochs are done, or ``patience`` of them brought no better validation."""
        patient = self.settings.patience
        return self.position.epoch > self.settings.epochs or (0 < patient <= self.position.stale)

    def learn(self) -> None:
        """Put the model into training mode, but for the layers that stay as they are."""
        self.model.train()
        for module in self.still:
            module.eval()

    def step(self, loss: Tensor, share: Share | None = None) -> float:
        """Make one optimizer step and return the loss. Raises InvalidInput when it is no longer a number.

        ``share`` is how much of the batch the loss is of, where other processes have the rest.
        """
        shown = loss if share is None else share.mean(loss)
        value = self.insist_on_a_number(shown.item())  # note: on a GPU this is a sync point
        if share is not None:
            loss = share.to_learn(loss)
        rate = self.learning_rate
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["scale"]
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        if self.settings.gradient_clip:
            self.scaler.unscale_(self.optimizer)  # the bound is one of the gradients themselves
            nn.utils.clip_grad_norm_(self.learning, self.settings.gradient_clip, foreach=True)
        self.scaler.step(self.optimizer)  # not where a gradient was too large for float16: then the scale is halved
        self.scaler.update()
        if self.plan.scales and self.scaler.get_scale() < SMALLEST_SCALE:
            raise self.lost("gradients were")
        self.position.step += 1
        self.position.batch += 1
        return value

    def insist_on_a_number(self, loss: float) -> float:
        """Return the loss. Raises InvalidInput when it is infinite or not a number."""
        if not math.isfinite(loss):
            raise self.lost("loss was")
        return loss

    def lost(self, what: str) -> InvalidInput:
        """Return the failure of a training whose numbers have left the finite."""
        return InvalidInput(
            f"The {what} no longer a number after {self.position.step} steps, so training stopped. The "
            f"learning rate of {self.settings.learning_rate:g} is probably too high for this model; try a tenth."
        )

    def end_epoch(self) -> None:
        """Move on to the first batch of the next epoch."""
        self.position.epoch += 1
        self.position.batch = 0

    def judge(self, accuracy: float, loss: float) -> None:
        """With patience, remember the weights of the best epoch: more accuracy, or the same with less loss."""
        if not self.settings.patience:
            return
        here = self.position
        if here.best_accuracy is None or (accuracy, -loss) > (here.best_accuracy, -(here.best_loss or 0.0)):
            here.best_accuracy, here.best_loss, here.best_epoch, here.stale = accuracy, loss, here.epoch - 1, 0
            self.best = {name: value.detach().clone() for name, value in self.model.state_dict().items()}
        else:
            here.stale += 1

    def keep_best(self, context: Context) -> None:
        """Go back to the best epoch, and say so, when there was a later one."""
        if self.best is None or self.position.stale == 0:
            return
        self.model.load_state_dict(self.best)
        why = "all epochs" if self.position.epoch > self.settings.epochs else f"{self.position.stale} epochs in a row"
        context.log(
            f"After {why} without a better validation, the weights of epoch {self.position.best_epoch} are kept "
            f"({self.measure} {self.position.best_accuracy:.1%})."
        )

    def save(self, path: Path) -> tuple[int, int]:
        """Write a checkpoint and return (step, epoch)."""
        save_checkpoint(
            path, model=self.model, optimizer=self.optimizer, position=self.position, fingerprint=self.fingerprint,
            plan=self.plan, best=self.best, scaler=self.scaler,
        )  # fmt: skip
        return self.position.step, self.position.epoch

    def resume(self, path: Path | None, context: Context) -> None:
        """Continue from a checkpoint; one that cannot be used is said so in the log, and training begins anew."""
        if path is None:
            return
        try:
            self.position, self.best = load_checkpoint(
                path, model=self.model, optimizer=self.optimizer, fingerprint=self.fingerprint, scaler=self.scaler
            )
            context.log(f"Continuing after step {self.position.step}, in epoch {self.position.epoch}.")
        except UnusableCheckpoint as problem:
            context.log(f"{problem} Training starts again from the beginning.")


class Running:
    """Mean loss and accuracy since the last time they were read, and images per second."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.loss, self.hits, self.count, self.since = 0.0, self.nothing(), 0, time.monotonic()

    def nothing(self) -> Tensor:
        """Return what is right of no picture at all."""
        return torch.tensor(0)

    def add(self, loss: float, logits: Tensor, labels: Tensor, share: Share | None = None) -> None:
        """Count one batch, of which ``share`` is here."""
        count = len(labels) if share is None else share.pictures
        self.loss += loss * count
        self.count += count
        found = self.compare(logits.detach(), labels)
        self.hits += found if share is None else share.team.total(found)

    def compare(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return what was right in one batch, as :meth:`scores` counts it."""
        return (logits.argmax(1) == labels).sum().cpu()

    def scores(self) -> dict[str, float]:
        """Return the scores of a row of the curve."""
        return {"accuracy": int(self.hits) / self.count}

    def report(self, context: Context, training: Training) -> None:
        """Send the means as one row of the training curve and start anew."""
        if not self.count:
            return
        context.metrics(
            step=training.position.step,
            epoch=round(training.epoch, 4),
            split="train",
            loss=self.loss / self.count,
            **self.scores(),
            images_per_second=round(self.count / max(time.monotonic() - self.since, 1e-6), 1),
            learning_rate=training.learning_rate,
        )
        self.reset()
