"""The contract of `grading/api.py`: see `operations/contract.py`."""

from typing import Any

from axons_service.operations import example_values as v
from axons_service.operations.contract import Operation

SCORING_VALUE: dict[str, Any] = {
    "id": v.SUBMISSION,
    "learner": v.LEARNER,
    "model": v.MODEL,
    "job": v.JOB,
    "state": "scoring",
    "metric": "accuracy",
    "value": None,
    "automatic_score": None,
    "score": None,
    "reviews": [],
    "created_at": v.TIME,
    "failure": None,
    "revision": None,
    "delivered_revision": None,
}
SUBMISSION_VALUE: dict[str, Any] = {
    **SCORING_VALUE,
    "state": "scored",
    "value": 0.925,
    "automatic_score": 1.0,
    "score": 1.0,
    "revision": 1,
    "delivered_revision": 1,
}
STAFF_VALUE: dict[str, Any] = {**SUBMISSION_VALUE, "confusion_matrix": [[37, 3], [3, 37]]}
REVIEWED_VALUE: dict[str, Any] = {
    **STAFF_VALUE,
    "score": 0.8,
    "reviews": [
        {
            "id": v.REVIEW,
            "grader": "1b2c3d4e5f60718293a4b5c6d7e8f901",
            "score": 0.8,
            "clear": False,
            "comment": "The cats are well chosen.",
            "created_at": v.LATER,
        }
    ],
    "revision": 2,
}

OPERATIONS = {
    "submissions_list": Operation(
        answers={200: {"results": [STAFF_VALUE], "next": None}},
        problems=("staff_only", "other_exercise", "cursor_invalid"),
    ),
    "submissions_create": Operation(
        request={"model": v.MODEL},
        answers={201: SCORING_VALUE, 200: SCORING_VALUE},
        problems=(
            "project_not_open",
            "not_found",
            "no_tries_left",
            "exercise_incomplete",
            "hidden_test_set_missing",
            "model_classes_differ",
            "model_unknown",
            "not_graded",
            "pool_unavailable",
        ),
    ),
    "submissions_read": Operation(answers={200: SUBMISSION_VALUE}),
    "reviews_create": Operation(
        request={"score": 0.8, "comment": "The cats are well chosen."},
        answers={201: REVIEWED_VALUE},
        problems=("staff_only", "not_scored", "precondition_failed", "review_contradicts", "review_empty"),
    ),
}
