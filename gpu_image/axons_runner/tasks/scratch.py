"""The small CNN, trained from scratch: the loop of the textbook, made observable and resumable."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from axons_runner.backbones import SMALL_CNN_SIZE, Classifier, small_cnn
from axons_runner.context import Context
from axons_runner.data import Batches, TrainingSet
from axons_runner.modelfile import MEAN, STD
from axons_runner.tasks.loop import Hyperparameters, Running, Training
from axons_runner.tuning import USUAL, Plan

DECODE_CHUNK = 128
EVALUATION_BATCH = 128


def train_small_cnn(
    source: TrainingSet, settings: Hyperparameters, device: torch.device, context: Context, *,
    fingerprint: str, resume: Path | None, plan: Plan = USUAL,
) -> tuple[Classifier, Tensor]:  # fmt: skip
    """Train and return (model, logits (n, classes) on the validation pictures). Raises Stopped, InvalidInput."""
    torch.manual_seed(settings.seed)
    train, validation = source.by_split["train"], source.by_split["validation"]
    pixels = load_pixels(source, [*train, *validation], context)
    data_loader = Batches(
        pixels[: len(train)].to(device), source.labels(train).to(device), settings.batch_size, MEAN, STD,
        seed=settings.seed, augmentation=settings.augmentation,
    )  # fmt: skip
    held_out = Batches(
        pixels[len(train) :].to(device), source.labels(validation).to(device), EVALUATION_BATCH, MEAN, STD,
        shuffle=False,
    )  # fmt: skip
    model = small_cnn(len(source.classes))
    plan.place(model, device)
    criterion = nn.CrossEntropyLoss()
    training = Training(model, settings, len(data_loader), fingerprint, plan)
    training.resume(resume, context)
    logits = torch.empty(0)
    while training.position.epoch <= settings.epochs:
        epoch = training.position.epoch
        context.progress("training", epoch - 1, settings.epochs, "epochs")
        train_one_epoch(model, criterion, training, data_loader, epoch, context)
        training.end_epoch()
        logits = evaluate(model, held_out)
        labels = held_out.labels
        context.metrics(
            step=training.position.step,
            epoch=float(epoch),
            split="validation",
            loss=training.insist_on_a_number(float(criterion(logits, labels))),
            accuracy=int((logits.argmax(1) == labels).sum()) / len(labels),
        )
        context.after_step(training.save, epoch_end=epoch < settings.epochs)
    context.progress("training", settings.epochs, settings.epochs, "epochs")
    if not len(logits):  # resumed after the last epoch
        logits = evaluate(model, held_out)
    return model, logits.cpu()


def train_one_epoch(
    model: nn.Module, criterion: nn.Module, training: Training, data_loader: Batches, epoch: int, context: Context
) -> None:
    """Train one epoch, from the batch at which the position stands; report about once a second."""
    data_loader.epoch, data_loader.position = epoch, training.position.batch
    running = Running()
    model.train()
    for images, labels in data_loader:
        with training.plan.computing(images.device):
            logits = model(training.plan.arrange(images))
        loss = criterion(logits.float(), labels)
        training.step(loss)
        running.add(loss, logits, labels)
        if context.metrics_clock():
            running.report(context, training)
            context.progress("training", round(training.epoch, 3), training.settings.epochs, "epochs")
        context.after_step(training.save)
    running.report(context, training)


def evaluate(model: nn.Module, data_loader: Batches) -> Tensor:
    """Return the logits (n, classes) of all pictures, in their order."""
    model.eval()
    with torch.inference_mode():
        return torch.cat([model(images) for images, _ in data_loader])


def load_pixels(source: TrainingSet, indices: list[int], context: Context) -> Tensor:
    """Return these pictures decoded: (n, 64, 64, 3) uint8."""
    pixels = torch.empty(len(indices), SMALL_CNN_SIZE, SMALL_CNN_SIZE, 3, dtype=torch.uint8)
    for start in range(0, len(indices), DECODE_CHUNK):
        context.check()
        part = indices[start : start + DECODE_CHUNK]
        pixels[start : start + len(part)] = torch.from_numpy(source.decode(part, SMALL_CNN_SIZE))
        context.progress("fetching", start + len(part), len(indices), "images")
    return pixels
