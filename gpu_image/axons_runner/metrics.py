"""Metrics of a classifier, from logits: definitions as in scikit-learn, with zero where a ratio is undefined."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

MISTAKES = 24
TOP = 3
CALIBRATION_BINS = 15
Z_95 = 1.959963984540054


def classification_metrics(logits: Tensor, labels: Tensor, classes: Sequence[str]) -> dict[str, Any]:
    """Return accuracy and its 95 % interval, top-k, mean cross-entropy, calibration error, confusion, class scores.

    The confusion matrix has the true class in rows. ``logits`` (n, classes) float, ``labels`` (n,) int64; n may be 0.
    """
    size = len(classes)
    matrix = confusion_matrix(logits.argmax(1), labels, size)
    hits, support, named = matrix.diagonal(), matrix.sum(1), matrix.sum(0)
    per_class = []
    for index, label in enumerate(classes):
        precision = _ratio(int(hits[index]), int(named[index]))
        recall = _ratio(int(hits[index]), int(support[index]))
        f1 = _ratio(2 * precision * recall, precision + recall)
        scores = {"precision": precision, "recall": recall, "f1": f1}
        per_class.append({"label": label, **scores, "support": int(support[index])})
    return {
        "accuracy": _ratio(int(hits.sum()), len(labels)),
        "accuracy_interval": wilson_interval(int(hits.sum()), len(labels)),
        "top_k": {"k": min(TOP, size), "accuracy": top_k_accuracy(logits, labels, min(TOP, size))},
        "calibration_error": calibration_error(logits, labels),
        "loss": float(functional.cross_entropy(logits.float(), labels)) if len(labels) else 0.0,
        "confusion_matrix": matrix.tolist(),
        "per_class": per_class,
        "count": len(labels),
    }


def wilson_interval(hits: int, count: int, z: float = Z_95) -> list[float]:
    """Return [low, high], where the accuracy on many more pictures like these lies with 95 % confidence.

    Wilson's score interval (1927): right also for few pictures, and at 0 and 1. [0, 1] for no pictures.
    """
    if not count:
        return [0.0, 1.0]
    share = hits / count
    middle = share + z * z / (2 * count)
    reach = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    scale = 1 + z * z / count
    return [max(0.0, (middle - reach) / scale), min(1.0, (middle + reach) / scale)]


def confusion_matrix(predicted: Tensor, labels: Tensor, size: int) -> Tensor:
    """Return counts (size, size) int64; row = true class, column = predicted class."""
    return torch.bincount(labels * size + predicted, minlength=size * size).reshape(size, size)


def top_k_accuracy(logits: Tensor, labels: Tensor, k: int) -> float:
    """Return how often the true class is among the ``k`` with the largest logits; 0 for no pictures."""
    named = (logits.topk(k, dim=1).indices == labels[:, None]).any(1)
    return _ratio(int(named.sum()), len(labels))


def calibration_error(logits: Tensor, labels: Tensor, bins: int = CALIBRATION_BINS) -> float:
    """Return the expected calibration error (Guo et al. 2017), 0..1; 0 for no pictures.

    Σ_b n_b/n · |accuracy_b - confidence_b| over ``bins`` of equal width of the probability of the named class, each
    without its lower edge and with its upper one.
    """
    if not len(labels):
        return 0.0
    confidence, predicted = logits.double().softmax(1).max(1)
    placed = (confidence * bins).ceil().long().clamp_(1, bins) - 1
    surplus = (predicted == labels).double() - confidence
    gaps = torch.zeros(bins, dtype=torch.float64, device=logits.device).index_add_(0, placed, surplus)
    return float(gaps.abs().sum()) / len(labels)


def confident_mistakes(
    logits: Tensor, labels: Tensor, classes: Sequence[str], sha256s: Sequence[str], limit: int = MISTAKES
) -> list[dict[str, Any]]:
    """Return the wrongly named pictures, the surest first: [{"sha256", "label", "predicted", "probability"}]."""
    probabilities, predicted = logits.float().softmax(1).max(1)
    wrong = torch.nonzero(predicted != labels).flatten()
    wrong = wrong[probabilities[wrong].argsort(descending=True, stable=True)][:limit]
    return [
        {
            "sha256": sha256s[i],
            "label": classes[int(labels[i])],
            "predicted": classes[int(predicted[i])],
            "probability": float(probabilities[i]),
        }
        for i in wrong.tolist()
    ]


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
