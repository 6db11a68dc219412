"""Metrics of a classifier, from logits: definitions as in scikit-learn, with zero where a ratio is undefined."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

MISTAKES = 24


def classification_metrics(logits: Tensor, labels: Tensor, classes: Sequence[str]) -> dict[str, Any]:
    """Return accuracy, mean cross-entropy, confusion matrix (rows: true class) and per-class scores.

    ``logits`` (n, classes) float, ``labels`` (n,) int64; n may be 0.
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
        "loss": float(functional.cross_entropy(logits.float(), labels)) if len(labels) else 0.0,
        "confusion_matrix": matrix.tolist(),
        "per_class": per_class,
        "count": len(labels),
    }


def confusion_matrix(predicted: Tensor, labels: Tensor, size: int) -> Tensor:
    """Return counts (size, size) int64; row = true class, column = predicted class."""
    return torch.bincount(labels * size + predicted, minlength=size * size).reshape(size, size)


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
