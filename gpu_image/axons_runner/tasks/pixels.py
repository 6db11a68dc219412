"""A network that learns from pixels, from scratch or from published weights: the loop of the textbook, made observable,
resumable, and started before the last picture is decoded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from axons_runner.augmentation import EVERYTHING, SHEET_ROWS, SHEET_VARIANTS, sheet, vary
from axons_runner.backbones import ARCHITECTURES, Classifier, learning_parts
from axons_runner.context import Context
from axons_runner.data import Batches, PixelTable, TrainingSet
from axons_runner.hyperparameters import Hyperparameters
from axons_runner.parallel import ALONE, Team
from axons_runner.tasks.loop import Running, Training, make_criterion
from axons_runner.tuning import USUAL, Plan

EVALUATION_BATCH = 64


def train_network(
    model: Classifier, source: TrainingSet, settings: Hyperparameters, device: torch.device, context: Context, *,
    fingerprint: str, resume: Path | None, plan: Plan = USUAL, team: Team = ALONE,
) -> Tensor:  # fmt: skip
    """Train ``model`` and return its logits (n, classes) on the validation pictures. Raises Stopped, InvalidInput.

    In a ``team`` process 0 alone looks at the validation pictures; the others return nothing.
    """
    train, validation = source.by_split["train"], source.by_split["validation"]
    about = ARCHITECTURES[settings.architecture]
    size, mean, std = about["image_size"], about["mean"], about["std"]
    data_loader = Batches(
        PixelTable(source, train, size, context.work_dir), source.labels(train), settings.batch_size, mean, std,
        seed=settings.seed, augmentation=settings.augmentation, variations=variations(settings), device=device,
        team=team,
    )  # fmt: skip
    held_out = Batches(
        PixelTable(source, validation, size, context.work_dir), source.labels(validation), EVALUATION_BATCH, mean, std,
        shuffle=False, device=device,
    )  # fmt: skip
    pretrained, still = learning_parts(model, settings)
    plan.place(model, device)
    criterion = make_criterion(settings, source.labels(train), len(source.classes)).to(device)
    training = Training(
        model, settings, len(data_loader), fingerprint, plan, pretrained=pretrained, still=still, team=team
    )
    training.resume(resume, context)
    learner = team.join(model)
    logits, labels, accuracy, loss = torch.empty(0), held_out.labels, 0.0, 0.0
    while not training.over:
        epoch = training.position.epoch
        context.progress("training", epoch - 1, settings.epochs, "epochs")
        train_one_epoch(learner, criterion, training, data_loader, epoch, context)
        if team.rank == 0:
            logits = evaluate(model, held_out, context, training.save)
            loss = float(functional.cross_entropy(logits, labels))
            accuracy = int((logits.argmax(1) == labels).sum()) / len(labels)
        training.end_epoch()
        accuracy, loss = team.told(accuracy, loss)
        training.insist_on_a_number(loss)
        context.metrics(
            step=training.position.step,
            epoch=float(epoch),
            split="validation",
            loss=loss,
            accuracy=accuracy,
            count=len(labels),
        )
        training.judge(accuracy, loss)
        context.after_step(training.save, epoch_end=not training.over)
    if team.rank:
        return logits
    context.progress("training", settings.epochs, settings.epochs, "epochs")
    training.keep_best(context)
    if not len(logits) or training.position.stale:  # resumed after the last epoch, or back at an earlier one
        logits = evaluate(model, held_out, context)
    return logits


def train_one_epoch(
    model: nn.Module, criterion: nn.Module, training: Training, data_loader: Batches, epoch: int, context: Context,
    running: Running | None = None,
) -> None:  # fmt: skip
    """Train one epoch, from the batch at which the position stands; report about once a second."""
    data_loader.epoch, data_loader.position = epoch, training.position.batch
    running = running or Running()
    training.learn()
    for images, labels in data_loader:
        share = training.team.share(criterion, labels)
        with training.plan.computing(images.device):
            logits = model(training.plan.arrange(images))
        loss = criterion(logits.float(), labels)
        running.add(training.step(loss, share), logits, labels, share)
        if context.metrics_clock():
            running.report(context, training)
            context.progress("training", round(training.epoch, 3), training.settings.epochs, "epochs")
        context.after_step(training.save)
    running.report(context, training)


def evaluate(
    model: nn.Module, data_loader: Batches, context: Context, save: Callable[[Path], tuple[int, int]] | None = None
) -> Tensor:
    """Return the logits (n, classes) of all pictures, in their order, on the CPU. Raises Stopped.

    A training that is to be released meanwhile first saves itself by ``save``, and evaluates again when it resumes.
    """
    model.eval()
    parts: list[Tensor] = []
    for number, (images, _) in enumerate(data_loader):
        with torch.inference_mode():
            parts.append(model(images).float().cpu())
        context.check() if save is None else context.after_step(save)
        context.progress("evaluating", number + 1, len(data_loader), "batches")
    return torch.cat(parts)


def variations(settings: Hyperparameters) -> tuple[str, ...] | None:
    """Return how pixels are varied, or None for the plain mirror and shift of small networks."""
    if settings.variations is None and settings.architecture != "small_cnn":
        return EVERYTHING
    return settings.variations


def preview(source: TrainingSet, settings: Hyperparameters) -> bytes | None:
    """Return a JPEG sheet of training pictures beside what the network sees instead; None without augmentation."""
    kinds = variations(settings)
    if not settings.augmentation or kinds is None:
        return None
    train = source.by_split["train"]
    some = train[:: max(1, len(train) // SHEET_ROWS)][:SHEET_ROWS]
    pixels = torch.from_numpy(source.decode(some, ARCHITECTURES[settings.architecture]["image_size"]))
    return sheet(pixels, [vary(pixels, kinds, settings.seed + number) for number in range(SHEET_VARIANTS)])
