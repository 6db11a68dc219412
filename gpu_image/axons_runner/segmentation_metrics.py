"""Metrics of a segmenter, from counts of pixels: intersection over union as scikit-learn's ``jaccard_score``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from axons_runner.masks import NOT_COUNTED
from axons_runner.metrics import confusion_matrix

MISTAKES = 24


def pixel_confusion(predicted: Tensor, masks: Tensor, classes: int) -> Tensor:
    """Return counted pixels (classes, classes) int64, row = true class; both inputs int64 of one shape."""
    counted = masks != NOT_COUNTED
    return confusion_matrix(predicted[counted], masks[counted], classes)


def iou(matrix: Tensor) -> Tensor:
    """Return the intersection over union of each class (classes,) float64; NaN where it is neither there nor named."""
    hits = matrix.diagonal().double()
    return hits / (matrix.sum(0) + matrix.sum(1) - matrix.diagonal()).double()


def mean_iou(matrix: Tensor) -> float:
    """Return the mean over the classes that occur in truth or prediction; 0 when no pixel was counted."""
    return float(iou(matrix).nanmean()) if int(matrix.sum()) else 0.0


def pixel_accuracy(matrix: Tensor) -> float:
    """Return the share of counted pixels that are named rightly; 0 when none was counted."""
    return int(matrix.diagonal().sum()) / max(int(matrix.sum()), 1)


def segmentation_metrics(matrix: Tensor, loss: float, count: int, classes: Sequence[str]) -> dict[str, Any]:
    """Return the metrics of ``count`` pictures from their confusion of pixels and their mean loss of a pixel."""
    each = [None if math.isnan(value) else value for value in iou(matrix).tolist()]
    return {
        "miou": mean_iou(matrix),
        "accuracy": pixel_accuracy(matrix),
        "loss": loss,
        "count": count,
        "iou_per_class": dict(zip(classes, each, strict=True)),
        "confusion": matrix.tolist(),
    }


def worst_pictures(scores: Tensor, sha256s: Sequence[str], limit: int = MISTAKES) -> list[dict[str, Any]]:
    """Return the pictures with the lowest mean IoU (n,), the lowest first; those without any mistake are left out."""
    order = scores.argsort(stable=True)[:limit].tolist()
    return [{"sha256": sha256s[i], "iou": float(scores[i])} for i in order if scores[i] < 1]


def empty_confusion(classes: int) -> Tensor:
    """Return (classes, classes) zeros int64."""
    return torch.zeros(classes, classes, dtype=torch.int64)
