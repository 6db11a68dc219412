"""The contract of `exercises/api.py`: see `operations/contract.py`."""

from typing import Any

from axons_service.exercises.workshops import workshop_spec
from axons_service.grading.examples import SUBMISSION_VALUE
from axons_service.jobs.examples import JOB_VALUE, MODEL_VALUE, PREDICTION_VALUE
from axons_service.operations import example_values as v
from axons_service.operations.contract import Operation
from axons_service.training_sets.examples import STARTER_VALUE, TRAINING_SET_VALUE

SPEC: dict[str, Any] = {
    "version": 1,
    "kind": "training",
    "task": "classification",
    "starter_set": "cats-and-dogs",
    "hidden_test_set": "cats-and-dogs-hidden",
    "model": None,
    "own_pictures": True,
    "architectures": ["efficientnet_lite0", "small_cnn"],
    "hyperparameters": {
        "epochs": {"min": 1, "max": 40, "default": 15},
        "learning_rate": {"min": 0.0001, "max": 0.1, "default": 0.003},
        "batch_size": {"min": 8, "max": 128, "default": 32},
        "augmentation": {"default": True},
        "seed": {"default": 0},
    },
    "pool": "cpu",
    "time_limit_minutes": 20,
    "max_tries": 3,
    "grading": {
        "metric": "accuracy",
        "thresholds": [{"at_least": 0.5, "score": 0.5}, {"at_least": 0.9, "score": 1.0}],
    },
}
PROJECT_VALUE: dict[str, Any] = {
    "id": v.PROJECT,
    "exercise": {"usage": v.USAGE, "course": v.COURSE},
    "spec": {name: value for name, value in SPEC.items() if name != "hidden_test_set"},
    "spec_hash": v.SHA256,
    "role": "learner",
    "starter_set": STARTER_VALUE,
    "training_sets": [TRAINING_SET_VALUE],
    "jobs": [JOB_VALUE],
    "models": [MODEL_VALUE],
    "predictions": [PREDICTION_VALUE],
    "submissions": [SUBMISSION_VALUE],
    "tries": {"used": 1, "max": 3, "left": 2},
    "extended_until": None,
    "closes_at": v.LATER,
    "reopened": False,
    "best_score": 1.0,
    "results_withheld": False,
    "results_at": None,
    "budget": None,
    "cursor": 4711,
    "supplied_model": None,
    "runs": [v.JOB],
    "storage": {
        "used_bytes": 4821100,
        "quota_bytes": 2147483648,
        "trash_bytes": 0,
        "level": "ok",
        "message": None,
    },
}
BUNDLE: dict[str, Any] = {
    "project": PROJECT_VALUE,
    "read_token": "eyJhbGciOiJFZERTQSJ9.eyJhdWQiOiJheG9ucy1icm93c2VyIn0.c2lnbmF0dXJl",
    "read_token_expires_at": "2026-11-27T08:10:00+00:00",
    "api_url": "https://axons.example.org/api/v1",
    "stream_url": f"https://axons.example.org/api/v1/projects/{v.PROJECT}/stream",
    "grade_book": {"revision": 3, "score": 1.0, "delivered_revision": 3},
}
WORKSHOP_BUNDLE: dict[str, Any] = {
    **BUNDLE,
    "project": {**PROJECT_VALUE, "spec": workshop_spec("classification"), "role": "author", "starter_set": None},
    "grade_book": None,
}
LIBRARY_SET = {
    "id": v.STARTER_SET,
    "content_sha256": "5d" * 32,
    "version": 1,
    "is_own": False,
    "description": "",
    "title": "Cats and dogs",
    "task": "classification",
    "classes": v.CLASSES,
    "count": 120,
    "licence": "CC0-1.0",
}

OPERATIONS = {
    "projects_open": Operation(
        request={"spec": SPEC, "callback_url": "https://lms.example.org/xblock/grade"},
        answers={200: BUNDLE},
        problems=("callback_host_not_registered", "spec_invalid"),
    ),
    "workshop_open": Operation(
        request={"task": "classification"},
        answers={200: WORKSHOP_BUNDLE},
        problems=("author_only", "not_a_workshop"),
    ),
    "projects_read": Operation(answers={200: PROJECT_VALUE}),
    "specs_validate": Operation(
        request={"spec": SPEC}, answers={200: {"spec_hash": v.SHA256}}, problems=("author_only", "spec_invalid")
    ),
    "library": Operation(
        answers={
            200: {
                "starter_sets": [{"name": "cats-and-dogs", **LIBRARY_SET}],
                "hidden_test_sets": [{**LIBRARY_SET, "id": v.HIDDEN_SET, "name": "cats-and-dogs-hidden"}],
                "models": [
                    {
                        "name": "everyday-objects",
                        "task": "classification",
                        "title": "Everyday objects",
                        "classes": ["cup", "key", "shoe"],
                        "architecture": "efficientnet_lite0",
                    }
                ],
                "pools": [{"name": "cpu", "title": "Processors"}],
                "architectures": [
                    {
                        "name": "small_cnn",
                        "title": "Small network",
                        "description": "Trains from scratch in a minute.",
                        "task": "classification",
                    }
                ],
            }
        },
        problems=("author_only",),
    ),
    "overview": Operation(
        answers={
            200: {
                "standings": {"handed_in": 12, "failing": 1, "working": 6, "no_run": 2, "opened": 1},
                "scores": [0, 0, 0, 0, 1, 2, 0, 3, 2, 4],
                "runs": 61,
                "failed_runs": 4,
                "failures": {"invalid_input": 3, "time_limit": 1},
                "compute_minutes": 148.5,
            }
        },
        problems=("staff_only",),
    ),
    "overview_learners": Operation(
        answers={
            200: {
                "results": [
                    {
                        "learner": v.LEARNER,
                        "standing": "failing",
                        "opened_at": v.TIME,
                        "runs": 2,
                        "failed_runs": 2,
                        "last_run_at": v.TIME,
                        "last_failure": "The training set has one class; training needs two.",
                        "best_score": None,
                        "compute_minutes": 1.5,
                    }
                ],
                "next": None,
            }
        },
        problems=("staff_only", "cursor_invalid"),
    ),
}
