"""What lies between two thresholds, and what a learner is told by them."""

from typing import Any

import pytest

from axons_service.exercises.grading_rules import threshold_feedback, threshold_score
from axons_service.exercises.specs import spec_check, spec_hash
from axons_service.grading.models import Submission
from axons_service.grading.regrades import regrade_preview
from tests.service import builders
from tests.service.builders import Caller, Lms
from tests.service.grading.test_submissions import scored

STEPS = [{"at_least": 0.5, "score": 0.4}, {"at_least": 0.9, "score": 0.8}]
TOLD = [{**STEPS[0], "feedback": "Half way."}, {**STEPS[1], "feedback": "Well done."}]


def spec(**more: Any) -> dict[str, Any]:
    return builders.spec(grading={"metric": "accuracy", "thresholds": STEPS, **more})


@pytest.mark.parametrize(
    ("value", "steps", "line"),
    [(0.49, 0.0, 0.0), (0.5, 0.4, 0.4), (0.6, 0.4, 0.5), (0.7, 0.4, 0.6), (0.9, 0.8, 0.8), (1.0, 0.8, 0.8)],
)
def test_between_two_thresholds_there_are_steps_or_a_line(value: float, steps: float, line: float) -> None:
    assert threshold_score({"thresholds": STEPS}, value) == steps
    assert threshold_score({"thresholds": STEPS, "between": "steps"}, value) == steps
    assert threshold_score({"thresholds": STEPS, "between": "line"}, value) == pytest.approx(line)


@pytest.mark.parametrize(
    ("value", "told"), [(None, ""), (0.1, "Look again."), (0.5, "Half way."), (0.89, "Half way."), (0.9, "Well done.")]
)
def test_a_learner_is_told_the_text_of_the_highest_threshold_reached(value: float | None, told: str) -> None:
    assert threshold_feedback({"thresholds": TOLD, "feedback": "Look again."}, value) == told


def test_a_threshold_without_a_text_tells_nothing() -> None:
    assert threshold_feedback({"thresholds": [TOLD[0], STEPS[1]]}, 0.95) == ""
    assert threshold_feedback({"thresholds": STEPS}, 0.1) == ""


def test_a_spec_without_them_keeps_its_hash_and_one_with_them_has_another() -> None:
    assert spec_check(spec(between="line", feedback="Look again.")) == []
    assert spec_check(builders.spec(grading={"metric": "accuracy", "thresholds": TOLD})) == []
    assert len({spec_hash(spec()), spec_hash(spec(between="line")), spec_hash(spec(feedback="Look again."))}) == 3


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"between": "curve"}, "grading.between"),
        ({"between": None}, "grading.between"),
        ({"feedback": 5}, "grading.feedback"),
        ({"feedback": "x" * 1001}, "grading.feedback"),
        ({"thresholds": [{**STEPS[0], "feedback": ["x"]}]}, "grading.thresholds.0.feedback"),
    ],
)
def test_what_is_wrong_is_named_with_its_field(more: dict[str, Any], field: str) -> None:
    assert [error["field"] for error in spec_check(spec(**more))] == [field]


@pytest.mark.django_db
def test_a_submission_keeps_the_rule_and_the_words_under_which_it_was_handed_in(
    course: Lms, anna: Caller, grader: Caller
) -> None:
    anna.open(builders.spec(grading={"metric": "accuracy", "thresholds": TOLD, "between": "line"}))
    submission = scored(anna, 0.6, key="k")
    anna.open(spec(feedback="Look again."))
    shown = anna.get(f"/submissions/{submission}").json()
    assert "Look again." not in anna.get(f"/projects/{anna.project().pk}").content.decode()
    assert (shown["score"], shown["feedback"]) == (0.5, "Half way.")
    assert grader.get(f"/submissions/{submission}").json()["feedback"] == "Half way."
    rows = Submission.objects.filter(pk=submission)
    changes = regrade_preview(rows, anna.project().spec)
    assert changes["changed"] == 1, "a regrade goes by the new rule: steps again"
