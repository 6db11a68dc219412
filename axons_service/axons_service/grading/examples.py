"""The contract of `grading/api.py`: see `operations/contract.py`."""

from typing import Any

from axons_service.jobs.examples import MODEL_VALUE, PREDICTION_VALUE
from axons_service.operations import example_values as v
from axons_service.operations.contract import Operation
from axons_service.training_sets.examples import TRAINING_SET_VALUE

GRADER = "1b2c3d4e5f60718293a4b5c6d7e8f901"

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
    "rubric": [],
    "rule": "automatic",
    "rubric_score": None,
    "returned_at": None,
    "feedback": "Well done. Which class does it still take for another, and why?",
    "results_withheld": False,
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
STAFF_VALUE: dict[str, Any] = {
    **SUBMISSION_VALUE,
    "needs_review": False,
    "overridden": False,
    "lock": None,
    "confusion_matrix": [[37, 3], [3, 37]],
}
REVIEWED_VALUE: dict[str, Any] = {
    **STAFF_VALUE,
    "score": 0.8,
    "overridden": True,
    "reviews": [
        {
            "id": v.REVIEW,
            "grader": GRADER,
            "score": 0.8,
            "clear": False,
            "comment": "The cats are well chosen.",
            "rubric": {},
            "reason": "Two classes were mixed up in the hidden set.",
            "returns": False,
            "created_at": v.LATER,
        }
    ],
    "revision": 2,
}

DESK_VALUE: dict[str, Any] = {
    "submission": {**STAFF_VALUE, "duplicates": ["set"]},
    "spec": {"version": 1, "kind": "training", "hidden_test_set": "hidden-pets", "max_tries": 3},
    "spec_hash": v.SHA256,
    "training_set": TRAINING_SET_VALUE,
    "model": MODEL_VALUE,
    "curves": {
        "train": [{"step": 12, "epoch": 1.0, "loss": 0.61, "accuracy": 0.7}],
        "validation": [{"step": 12, "epoch": 1.0, "loss": 0.55, "accuracy": 0.75}],
    },
    "predictions": [PREDICTION_VALUE],
    "history": [STAFF_VALUE],
    "allowance": {"extra_tries": 1, "extended_until": v.LATER},
    "closes_at": v.LATER,
    "duplicates": [{"submission": v.OTHER_SUBMISSION, "learner": "2c3d4e5f60718293a4b5c6d7e8f90112", "kinds": ["set"]}],
    "audit": [
        {
            "id": 17,
            "submission": v.SUBMISSION,
            "grader": GRADER,
            "action": "allowance",
            "before": {"extra_tries": 0, "extended_until": None},
            "after": {"extra_tries": 1, "extended_until": v.LATER},
            "reason": "Was ill for a week.",
            "created_at": v.LATER,
        }
    ],
}
LOCKED_VALUE: dict[str, Any] = {**STAFF_VALUE, "lock": {"grader": GRADER, "until": "2026-11-27T16:02:31+00:00"}}
TASK_VALUE: dict[str, Any] = {
    "id": v.DESK_TASK,
    "kind": "regrade",
    "state": "running",
    "done": 250,
    "changed": 31,
    "total": 1000,
    "bytes": None,
    "grader": GRADER,
    "submission": None,
    "message": None,
    "url": None,
    "created_at": v.TIME,
}
EXPORT_VALUE: dict[str, Any] = {
    **TASK_VALUE,
    "kind": "csv",
    "state": "done",
    "done": 1000,
    "changed": 0,
    "bytes": 182044,
    "url": f"{v.S3}/tmp/2026-11-27/exports/{v.DESK_TASK}?{v.SIGNED}",
}
PREVIEW_VALUE: dict[str, Any] = {
    "total": 1000,
    "changed": 120,
    "raised": 120,
    "lowered": 0,
    "not_comparable": 4,
    "changes": [{"submission": v.SUBMISSION, "learner": v.LEARNER, "before": 0.5, "after": 0.7}],
}

OPERATIONS = {
    "submissions_list": Operation(
        answers={200: {"results": [{**STAFF_VALUE, "duplicates": []}], "next": None}},
        problems=("staff_only", "other_exercise", "cursor_invalid"),
    ),
    "submissions_search": Operation(
        request={"sort": "score_low", "needs_review": True, "learners": [v.LEARNER]},
        answers={200: {"results": [{**STAFF_VALUE, "duplicates": []}], "next": None}},
        problems=("staff_only", "cursor_invalid"),
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
            "task_differs",
        ),
    ),
    "submissions_read": Operation(answers={200: SUBMISSION_VALUE}),
    "leaderboard": Operation(
        answers={
            200: {
                "metric": "accuracy",
                "results_withheld": False,
                "learners": 57,
                "own": {"place": 12, "value": 0.8125},
                "places": [{"place": 1, "value": 0.97, "is_own": False}, {"place": 2, "value": 0.95, "is_own": False}],
            }
        },
        problems=("no_leaderboard", "project_not_open"),
    ),
    "reviews_create": Operation(
        request={"score": 0.8, "comment": "The cats are well chosen."},
        answers={201: REVIEWED_VALUE},
        problems=(
            "staff_only",
            "locked",
            "not_scored",
            "precondition_failed",
            "reason_missing",
            "review_contradicts",
            "review_empty",
            "rubric_invalid",
        ),
    ),
    "desk_submission": Operation(answers={200: DESK_VALUE}, problems=("staff_only", "not_found")),
    "submissions_lock": Operation(
        request={"action": "take"}, answers={200: LOCKED_VALUE}, problems=("staff_only", "not_found", "locked")
    ),
    "submissions_allowance": Operation(
        request={"extra_tries": 1, "extended_until": v.LATER, "reason": "Was ill for a week."},
        answers={200: DESK_VALUE},
        problems=("staff_only", "not_found", "reason_missing"),
    ),
    "submissions_note": Operation(
        request={"text": "Compare with the other group's pictures."},
        answers={201: DESK_VALUE},
        problems=("staff_only", "not_found"),
    ),
    "regrades_preview": Operation(
        request={"spec_hash": v.SHA256, "submission": None},
        answers={200: PREVIEW_VALUE},
        problems=("staff_only", "not_graded", "spec_unknown"),
    ),
    "desk_tasks_list": Operation(
        answers={200: {"results": [TASK_VALUE], "next": None}}, problems=("staff_only", "cursor_invalid")
    ),
    "desk_tasks_create": Operation(
        request={"kind": "regrade", "spec_hash": v.SHA256, "submission": None, "reason": "New thresholds."},
        answers={202: TASK_VALUE},
        problems=(
            "staff_only",
            "not_found",
            "not_graded",
            "project_not_open",
            "reason_missing",
            "regrade_running",
            "spec_unknown",
        ),
    ),
    "desk_tasks_read": Operation(answers={200: EXPORT_VALUE}, problems=("staff_only", "not_found")),
    "desk_tasks_stop": Operation(
        answers={200: {**TASK_VALUE, "state": "stopped"}}, problems=("staff_only", "not_found", "task_over")
    ),
    "desk_links_create": Operation(
        answers={201: {"token": "Qn3W0m1vJf5a2", "expires_at": v.LATER}}, problems=("staff_only", "project_not_open")
    ),
    "desk_links_redeem": Operation(
        request={"token": "Qn3W0m1vJf5a2"}, answers={200: {"status": "redeemed"}}, problems=("staff_only", "link_spent")
    ),
}
