"""Our metrics are those of scikit-learn, whatever the logits."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binomtest
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    log_loss,
    precision_recall_fscore_support,
    top_k_accuracy_score,
)

from axons_runner.metrics import calibration_error, classification_metrics, top_k_accuracy, wilson_interval

Case = tuple[NDArray[np.float32], NDArray[np.int64]]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Logits (n, classes) and labels (n,): few or many classes, some never shown or never named, sure or unsure."""
    classes, count = draw(st.integers(2, 12)), draw(st.integers(1, 60))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    labels = random.integers(0, draw(st.integers(1, classes)), count)
    logits = random.normal(size=(count, classes)) * draw(st.sampled_from([0.01, 1.0, 30.0]))
    logits[np.arange(count), labels] += draw(st.sampled_from([0.0, 1.0, 50.0]))
    return logits.astype(np.float32), labels


@given(st.integers(0, 400), st.integers(0, 400))
@settings(max_examples=50, deadline=None)
def test_the_interval_of_the_accuracy_is_scipys(hits: int, misses: int) -> None:
    count = hits + misses
    if count == 0:
        assert wilson_interval(0, 0) == [0.0, 1.0]
        return
    expected = binomtest(hits, count).proportion_ci(0.95, method="wilson")
    assert wilson_interval(hits, count) == pytest.approx([expected.low, expected.high], abs=1e-9)


@given(cases())
@settings(max_examples=50, deadline=None)
def test_accuracy_confusion_and_class_scores_are_scikit_learns(case: Case) -> None:
    logits, labels = case
    every = list(range(logits.shape[1]))
    named = logits.argmax(1)
    ours = classification_metrics(torch.from_numpy(logits), torch.from_numpy(labels), [str(c) for c in every])
    assert ours["accuracy"] == pytest.approx(accuracy_score(labels, named))
    assert ours["confusion_matrix"] == confusion_matrix(labels, named, labels=every).tolist()
    scores = precision_recall_fscore_support(labels, named, labels=every, zero_division=0)
    for name, expected in zip(("precision", "recall", "f1", "support"), scores, strict=True):
        assert [row[name] for row in ours["per_class"]] == pytest.approx(list(expected))


@given(cases())
@settings(max_examples=50, deadline=None)
def test_the_loss_is_scikit_learns(case: Case) -> None:
    logits, labels = case
    every = list(range(logits.shape[1]))
    ours = classification_metrics(torch.from_numpy(logits), torch.from_numpy(labels), [str(c) for c in every])
    probabilities = torch.from_numpy(logits).double().softmax(1).numpy()
    if probabilities[np.arange(len(labels)), labels].min() > 1e-12:  # below, scikit-learn clips
        assert ours["loss"] == pytest.approx(log_loss(labels, probabilities, labels=every), rel=1e-4, abs=1e-6)


@given(cases(), st.integers(1, 12))
@settings(max_examples=50, deadline=None)
def test_top_k_is_scikit_learns(case: Case, k: int) -> None:
    logits, labels = case
    classes = logits.shape[1]
    k = min(k, classes)
    if classes == 2:  # scikit-learn takes one column of scores then
        expected = 1.0 if k == 2 else accuracy_score(labels, logits.argmax(1))
    elif k == classes:
        expected = 1.0
    else:
        expected = top_k_accuracy_score(labels, logits, k=k, labels=list(range(classes)))
    assert top_k_accuracy(torch.from_numpy(logits), torch.from_numpy(labels), k) == pytest.approx(expected)


@given(cases(), st.integers(1, 20))
@settings(max_examples=50, deadline=None)
def test_the_calibration_error_is_that_of_its_definition(case: Case, bins: int) -> None:
    logits, labels = case
    probabilities = torch.from_numpy(logits).double().softmax(1).numpy()
    confidence, named = probabilities.max(1), probabilities.argmax(1)
    expected = 0.0
    for number in range(bins):
        inside = (confidence > number / bins) & (confidence <= (number + 1) / bins)
        if inside.any():
            gap = abs((named[inside] == labels[inside]).mean() - confidence[inside].mean())
            expected += inside.mean() * gap
    assert calibration_error(torch.from_numpy(logits), torch.from_numpy(labels), bins) == pytest.approx(
        expected, abs=1e-9
    )


def test_a_model_that_is_as_sure_as_it_is_right_has_no_calibration_error() -> None:
    logits = torch.tensor([0.7, 0.1, 0.1, 0.1]).log().expand(10, 4)
    labels = torch.tensor([0] * 7 + [1, 2, 3])
    assert calibration_error(logits, labels) == pytest.approx(0, abs=1e-6)
    assert calibration_error(logits * 100, labels) == pytest.approx(0.3, abs=1e-6)
    assert calibration_error(torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64)) == 0.0
