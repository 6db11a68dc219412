"""The contract of `jobs/api.py` and, from `runner_examples`, of `/runner/v1`: see `operations/contract.py`."""

import json
from typing import Any

from axons_service.jobs.runner_examples import OPERATIONS as RUNNER_OPERATIONS
from axons_service.operations import example_values as v
from axons_service.operations.contract import Operation

HYPERPARAMETERS = {
    "architecture": "small_cnn",
    "epochs": 15,
    "learning_rate": 0.003,
    "batch_size": 32,
    "augmentation": True,
    "seed": 0,
}
WAITING_VALUE: dict[str, Any] = {
    "id": v.JOB,
    "kind": "training",
    "state": "queued",
    "attempt": 0,
    "training_set": v.TRAINING_SET,
    "hyperparameters": HYPERPARAMETERS,
    "model": None,
    "prediction": None,
    "batch": None,
    "created_at": v.TIME,
    "started_at": None,
    "finished_at": None,
    "progress": None,
    "metrics": None,
    "failure": None,
    "queue": {
        "position": 1,
        "eta_seconds": 90.0,
        "eta_low_seconds": 60.0,
        "eta_high_seconds": 150.0,
        "measurements": 24,
        "measured_on": "spec",
        "reason": None,
    },
    "cancel_requested": False,
}
JOB_VALUE: dict[str, Any] = {
    **WAITING_VALUE,
    "state": "succeeded",
    "attempt": 1,
    "model": v.MODEL,
    "started_at": v.TIME,
    "finished_at": v.LATER,
    "progress": {"epoch": 15, "epochs": 15},
    "metrics": {"train": {"loss": 0.11, "accuracy": 0.97}, "validation": {"loss": 0.23, "accuracy": 0.92}},
    "queue": {
        "position": None,
        "eta_seconds": None,
        "eta_low_seconds": None,
        "eta_high_seconds": None,
        "measurements": 0,
        "measured_on": None,
        "reason": None,
    },
}
MODEL_VALUE: dict[str, Any] = {
    "id": v.MODEL,
    "name": "Model 1",
    "job": v.JOB,
    "training_set": v.TRAINING_SET,
    "architecture": "small_cnn",
    "task": "classification",
    "classes": v.CLASSES,
    "metrics": {"validation": {"accuracy": 0.92, "confusion_matrix": [[11, 1], [1, 11]]}},
    "hyperparameters": HYPERPARAMETERS,
    "created_at": v.LATER,
    "artifacts": [
        {
            "name": "model.safetensors",
            "bytes": 393216,
            "url": f"{v.S3}/sites/campus/projects/{v.PROJECT}/models/{v.MODEL}/model.safetensors?{v.SIGNED}",
        }
    ],
    "source": "trained",
}
MODEL_LISTED_VALUE: dict[str, Any] = {
    **MODEL_VALUE,
    "artifacts": [{"name": "model.safetensors", "bytes": 393216, "url": None}],
}
PREDICTION_VALUE: dict[str, Any] = {
    "id": v.PREDICTION,
    "job": v.JOB,
    "model": v.MODEL,
    "created_at": v.LATER,
    "file": "my-cat.jpg",
    "probabilities": [{"label": "cat", "probability": 0.98}, {"label": "dog", "probability": 0.02}],
    "picture_url": f"{v.S3}/sites/campus/projects/{v.PROJECT}/jobs/{v.JOB}/attempts/1/picture.jpg?{v.SIGNED}",
    "overlay_url": f"{v.S3}/sites/campus/projects/{v.PROJECT}/jobs/{v.JOB}/attempts/1/overlay.png?{v.SIGNED}",
    "mask_url": None,
    "shares": [],
    "colours": {},
    "seconds": 0.04,
}
EVENT_VALUE: dict[str, Any] = {
    "id": 4711,
    "job": v.JOB,
    "seq": 7,
    "attempt": 1,
    "kind": "metrics",
    "time": v.LATER,
    "data": {"split": "train", "step": 40, "epoch": 2, "loss": 0.52, "accuracy": 0.78},
}
POINT = {"step": 40, "epoch": 2, "loss": 0.52, "accuracy": 0.78, "time": v.LATER}

OPERATIONS = {
    "job_create": Operation(
        request={"kind": "training", "training_set": v.TRAINING_SET, "hyperparameters": {"epochs": 15}},
        answers={201: WAITING_VALUE, 200: WAITING_VALUE},
        problems=(
            "project_not_open",
            "not_found",
            "budget_used_up",
            "course_storage_full",
            "in_trash",
            "storage_full",
            "task_differs",
            "training_set_not_ready",
            "hyperparameter_out_of_range",
            "hyperparameters_invalid",
            "model_unknown",
            "pool_unavailable",
            "training_not_offered",
            "training_set_unknown",
            "too_many_bytes",
            "too_many_files",
            "upload_incomplete",
            "upload_repeated",
            "upload_unknown",
        ),
    ),
    "job": Operation(answers={200: JOB_VALUE}),
    "job_batch": Operation(
        answers={
            200: {
                "job": v.JOB,
                "files": [
                    {
                        "name": "predictions.csv",
                        "bytes": 8211,
                        "url": f"{v.S3}/sites/campus/projects/{v.PROJECT}/jobs/{v.JOB}/attempts/1/artifacts/"
                        f"predictions.csv?{v.SIGNED}",
                        "expires_in": 300,
                    }
                ],
            }
        },
        problems=("batch_unfinished", "no_batch"),
    ),
    "job_metrics": Operation(
        answers={
            200: {
                "train": [POINT],
                "validation": [{**POINT, "loss": 0.61, "accuracy": 0.74}],
                "resources": [{"cpu_percent": 91.0, "memory_bytes": 812646400, "time": v.LATER}],
            }
        },
        problems=("staff_only", "store_unavailable"),
    ),
    "job_log": Operation(
        answers={200: "epoch 1: train loss 1.02\nepoch 2: train loss 0.52, validation accuracy 74.0 %\n"},
        problems=("staff_only", "store_unavailable"),
    ),
    "job_cancel": Operation(
        answers={202: {**JOB_VALUE, "state": "running", "model": None, "finished_at": None, "cancel_requested": True}},
        problems=("project_not_open", "forbidden", "not_cancellable"),
    ),
    "model": Operation(answers={200: MODEL_VALUE}),
    "prediction": Operation(answers={200: PREDICTION_VALUE}),
    "project_events": Operation(
        answers={200: {"events": [EVENT_VALUE], "cursor": 4711}, 304: None},
        problems=("cursor_invalid", "store_unavailable"),
    ),
    "project_stream": Operation(
        answers={200: f"id: 4711\nevent: metrics\ndata: {json.dumps(EVENT_VALUE)}\n\n"}, problems=("cursor_invalid",)
    ),
    "project_jobs": Operation(answers={200: {"results": [JOB_VALUE], "next": v.CURSOR}}, problems=("cursor_invalid",)),
    "project_models": Operation(
        answers={200: {"results": [MODEL_LISTED_VALUE], "next": None}}, problems=("cursor_invalid",)
    ),
    "project_predictions": Operation(
        answers={200: {"results": [PREDICTION_VALUE], "next": None}}, problems=("cursor_invalid",)
    ),
    **RUNNER_OPERATIONS,
}
