"""Intersection over union and the confusion of pixels are scikit-learn's, whatever was named."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, confusion_matrix, jaccard_score

from axons_runner.segmentation_metrics import (
    empty_confusion,
    mean_iou,
    pixel_confusion,
    segmentation_metrics,
    worst_pictures,
)

Case = tuple[NDArray[np.int64], NDArray[np.int64], int]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Named and true classes of pictures (n, h, w): classes that are never there or never named, pixels not counted."""
    classes = draw(st.integers(2, 8))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    shape = (draw(st.integers(1, 3)), 5, 7)
    truth = random.integers(0, draw(st.integers(1, classes)), shape)
    named = np.where(random.random(shape) < draw(st.floats(0, 1)), truth, random.integers(0, classes, shape))
    truth[random.random(shape) < draw(st.sampled_from([0.0, 0.3]))] = 255
    truth[0, 0, 0] = 0
    return named, truth, classes


@given(cases())
@settings(max_examples=80, deadline=None)
def test_iou_accuracy_and_confusion_are_scikit_learns_on_the_counted_pixels(case: Case) -> None:
    named, truth, classes = case
    matrix = pixel_confusion(torch.from_numpy(named), torch.from_numpy(truth), classes)
    ours = segmentation_metrics(matrix, 0.5, len(named), [f"c{i}" for i in range(classes)])
    counted = truth != 255
    true, found, every = truth[counted], named[counted], list(range(classes))
    assert ours["confusion"] == confusion_matrix(true, found, labels=every).tolist()
    assert ours["accuracy"] == pytest.approx(accuracy_score(true, found))
    present = sorted(set(true) | set(found))
    each = jaccard_score(true, found, labels=every, average=None, zero_division=0)
    assert ours["iou_per_class"] == {f"c{i}": pytest.approx(each[i]) if i in present else None for i in every}
    assert ours["miou"] == pytest.approx(jaccard_score(true, found, labels=present, average="macro"))


def test_nothing_counted_is_zero_and_never_nan() -> None:
    ours = segmentation_metrics(empty_confusion(3), 0.0, 0, ["a", "b", "c"])
    assert (ours["miou"], ours["accuracy"]) == (0.0, 0.0)
    assert ours["iou_per_class"] == {"a": None, "b": None, "c": None}
    assert mean_iou(empty_confusion(2)) == 0.0


def test_the_worst_pictures_come_first_and_flawless_ones_not_at_all() -> None:
    found = worst_pictures(torch.tensor([0.5, 1.0, 0.25]), ["x", "y", "z"])
    assert found == [{"sha256": "z", "iou": 0.25}, {"sha256": "x", "iou": 0.5}]
