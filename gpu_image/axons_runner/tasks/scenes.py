"""A network that learns to name every pixel: the loop of :mod:`axons_runner.tasks.pixels`, on pictures and masks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from axons_runner.backbones import ARCHITECTURES, is_frozen, learning_parts
from axons_runner.context import Context
from axons_runner.data import Batches, TrainingSet
from axons_runner.hyperparameters import Hyperparameters
from axons_runner.masks import NOT_COUNTED, MaskedBatches, MaskedTable, class_pixels
from axons_runner.modelfile import MEAN, STD
from axons_runner.parallel import ALONE, Team
from axons_runner.segmentation_metrics import empty_confusion, mean_iou, pixel_accuracy, pixel_confusion
from axons_runner.segmenters import Segmenter
from axons_runner.tasks.loop import Running, Training
from axons_runner.tasks.pixels import train_one_epoch, variations
from axons_runner.tuning import USUAL, Plan

LOGIT_BYTES = 64 << 20  # of one batch when evaluating: bounds the memory, however many classes there are
LARGEST_BATCH = 32


@dataclass
class Measured:
    """What an evaluation counts: confusion of pixels (classes, classes), mean loss of a pixel, mean IoU by picture."""

    matrix: Tensor
    loss: float
    by_picture: Tensor


class PixelLoss(nn.Module):
    """Mean cross-entropy of the counted pixels; 0, with a gradient of 0, for a batch that has none."""

    def __init__(self, weight: Tensor | None, label_smoothing: float) -> None:
        super().__init__()
        self.mean = nn.CrossEntropyLoss(weight, ignore_index=NOT_COUNTED, label_smoothing=label_smoothing)

    def forward(self, logits: Tensor, masks: Tensor) -> Tensor:
        if not bool((masks != NOT_COUNTED).any()):
            return logits.sum() * 0
        loss: Tensor = self.mean(logits, masks)
        return loss


class PixelRunning(Running):
    """Mean loss, pixel accuracy and mean IoU since the last time they were read."""

    def __init__(self, classes: int) -> None:
        self.classes = classes
        super().__init__()

    def nothing(self) -> Tensor:
        return empty_confusion(self.classes)

    def compare(self, logits: Tensor, labels: Tensor) -> Tensor:
        return pixel_confusion(logits.argmax(1), labels, self.classes).cpu()

    def scores(self) -> dict[str, float]:
        return {"accuracy": pixel_accuracy(self.hits), "miou": mean_iou(self.hits)}


def train_segmenter(
    model: Segmenter, source: TrainingSet, settings: Hyperparameters, device: torch.device, context: Context, *,
    fingerprint: str, resume: Path | None, plan: Plan = USUAL, team: Team = ALONE,
) -> Measured | None:  # fmt: skip
    """Train ``model`` and return what it was measured on the validation pictures. Raises Stopped, InvalidInput.

    In a ``team`` process 0 alone looks at the validation pictures; the others return None.
    """
    train, classes = source.by_split["train"], len(source.classes)
    size = ARCHITECTURES[settings.architecture]["image_size"]
    data_loader = MaskedBatches(
        MaskedTable(source, train, size, context.work_dir), source.labels(train), settings.batch_size, MEAN, STD,
        seed=settings.seed, augmentation=settings.augmentation, variations=variations(settings), device=device,
        team=team,
    )  # fmt: skip
    held_out = evaluation_batches(source, source.by_split["validation"], size, context, device)
    plan.place(model, device)
    criterion = PixelLoss(class_weights(source, settings, size), settings.label_smoothing).to(device)
    if is_frozen(settings):  # the backbone is the warm one of all jobs: only the head is trained, saved and resumed
        training = Training(model.head, settings, len(data_loader), fingerprint, plan, team=team, measure="mean IoU")
    else:
        pretrained, still = learning_parts(model, settings)
        training = Training(
            model, settings, len(data_loader), fingerprint, plan, pretrained=pretrained, still=still, team=team,
            measure="mean IoU",
        )  # fmt: skip
    training.resume(resume, context)
    learner = team.join(model)
    miou, loss = 0.0, 0.0
    measured: Measured | None = None
    while not training.over:
        epoch = training.position.epoch
        context.progress("training", epoch - 1, settings.epochs, "epochs")
        train_one_epoch(learner, criterion, training, data_loader, epoch, context, PixelRunning(classes))
        if team.rank == 0:
            measured = evaluate(model, held_out, classes, context, save=training.save)
            miou, loss = mean_iou(measured.matrix), measured.loss
        training.end_epoch()
        miou, loss = team.told(miou, loss)
        training.insist_on_a_number(loss)
        if measured is not None:
            context.metrics(
                step=training.position.step,
                epoch=float(epoch),
                split="validation",
                loss=loss,
                accuracy=pixel_accuracy(measured.matrix),
                miou=miou,
                count=len(held_out.labels),
            )
        training.judge(miou, loss)
        context.after_step(training.save, epoch_end=not training.over)
    if team.rank:
        return None
    context.progress("training", settings.epochs, settings.epochs, "epochs")
    training.keep_best(context)
    if measured is None or training.position.stale:  # resumed after the last epoch, or back at an earlier one
        measured = evaluate(model, held_out, classes, context)
    return measured


def class_weights(source: TrainingSet, settings: Hyperparameters, size: int) -> Tensor | None:
    """Return the weight of a pixel by class, n / (classes · pixels of its class); None where it is not asked for."""
    if not settings.class_weights:
        return None
    counts = class_pixels(source, source.by_split["train"], size).double()
    return (counts.sum() / (len(counts) * counts.clamp(min=1))).float()


def evaluation_batches(
    source: TrainingSet, indices: list[int], size: int, context: Context, device: torch.device
) -> MaskedBatches:
    """Return these pictures in their order, in batches whose logits stay below ``LOGIT_BYTES``."""
    batch = max(1, min(LARGEST_BATCH, LOGIT_BYTES // (len(source.classes) * size * size * 4)))
    table = MaskedTable(source, indices, size, context.work_dir)
    return MaskedBatches(table, source.labels(indices), batch, MEAN, STD, shuffle=False, device=device)


def evaluate(
    model: Segmenter, data_loader: Batches, classes: int, context: Context, *,
    order: Tensor | None = None, save: Callable[[Path], tuple[int, int]] | None = None,
) -> Measured:  # fmt: skip
    """Measure ``model`` on all pictures, at the model's size. Raises Stopped.

    ``order`` (256,) int64 gives each value of a mask its number in the model. A training that is to be released
    meanwhile first saves itself by ``save``, and evaluates again when it resumes.
    """
    model.eval()
    total, loss, counted = empty_confusion(classes), 0.0, 0
    by_picture: list[float] = []
    for number, (images, read) in enumerate(data_loader):
        masks = read if order is None else order.to(read.device)[read]
        with torch.inference_mode():
            logits = model(images).float()
            loss += float(functional.cross_entropy(logits, masks, ignore_index=NOT_COUNTED, reduction="sum"))
            named = logits.argmax(1)
        counted += int((masks != NOT_COUNTED).sum())
        for one, truth in zip(named, masks, strict=True):
            matrix = pixel_confusion(one, truth, classes).cpu()
            # a picture of which nothing is counted has no mistake either
            by_picture.append(mean_iou(matrix) if int(matrix.sum()) else 1.0)
            total += matrix
        context.check() if save is None else context.after_step(save)
        context.progress("evaluating", number + 1, len(data_loader), "batches")
    return Measured(total, loss / max(counted, 1), torch.tensor(by_picture))
