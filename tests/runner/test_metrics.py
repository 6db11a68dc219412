"""Metrics against values worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from axons_runner.metrics import classification_metrics, confident_mistakes

# five pictures of "a", "b", "c": true 0 0 1 1 1, named 0 1 1 1 0; "c" never occurs
LABELS = torch.tensor([0, 0, 1, 1, 1])
LOGITS = torch.tensor([[3.0, 0, 0], [0, 1, 0], [0, 2, 0], [0, 4, 0], [5, 0, 0]])


def test_the_confusion_matrix_has_the_true_class_in_rows() -> None:
    metrics = classification_metrics(LOGITS, LABELS, ["a", "b", "c"])
    assert metrics["confusion_matrix"] == [[1, 1, 0], [1, 2, 0], [0, 0, 0]]
    assert metrics["accuracy"] == pytest.approx(3 / 5)
    assert metrics["count"] == 5


def test_precision_recall_and_f1_per_class_with_zero_where_there_is_nothing() -> None:
    a, b, c = classification_metrics(LOGITS, LABELS, ["a", "b", "c"])["per_class"]
    assert (a["precision"], a["recall"], a["f1"], a["support"]) == (0.5, 0.5, 0.5, 2)
    assert (b["precision"], b["recall"], b["support"]) == (pytest.approx(2 / 3), pytest.approx(2 / 3), 3)
    assert c == {"label": "c", "precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 0}


def test_the_loss_is_the_mean_cross_entropy() -> None:
    metrics = classification_metrics(LOGITS[:1], LABELS[:1], ["a", "b", "c"])
    assert metrics["loss"] == pytest.approx(-math.log(math.exp(3) / (math.exp(3) + 2)))


def test_mistakes_come_the_surest_first_and_right_answers_never() -> None:
    mistakes = confident_mistakes(LOGITS, LABELS, ["a", "b", "c"], ["p0", "p1", "p2", "p3", "p4"])
    assert [(m["sha256"], m["label"], m["predicted"]) for m in mistakes] == [("p4", "b", "a"), ("p1", "a", "b")]
    assert mistakes[0]["probability"] == pytest.approx(math.exp(5) / (math.exp(5) + 2))
    assert len(confident_mistakes(LOGITS, LABELS, ["a", "b", "c"], ["p"] * 5, limit=1)) == 1


def test_no_pictures_give_zeros_not_an_error() -> None:
    metrics = classification_metrics(torch.zeros(0, 2), torch.zeros(0, dtype=torch.int64), ["a", "b"])
    assert (metrics["accuracy"], metrics["loss"], metrics["count"]) == (0.0, 0.0, 0)
