"""The contract of `/runner/v1`: see `operations/contract.py`."""

from typing import Any

from axons_service.operations import example_values as v
from axons_service.operations.contract import Operation

PREFIX = f"sites/campus/projects/{v.PROJECT}/jobs/{v.JOB}/attempts/1"
CHECKPOINT = {"name": "checkpoint-120.safetensors", "bytes": 786432, "sha256": v.SHA256}
CHECKPOINT_KEY = f"{PREFIX}/checkpoints/checkpoint-120.safetensors"
ARTIFACT = {"name": "model.safetensors", "bytes": 393216, "sha256": v.SHA256, "key": f"{PREFIX}/model.safetensors"}
ASSIGNMENT: dict[str, Any] = {
    "job": v.JOB,
    "attempt": 1,
    "token": "the-token-of-this-attempt",
    "kind": "training",
    "task": "classification",
    "lease_seconds": 90.0,
    "time_limit_seconds": 1200,
    "event_interval_seconds": 1.0,
    "hyperparameters": {"architecture": "small_cnn", "epochs": 15, "learning_rate": 0.003, "batch_size": 32},
    "classes": v.CLASSES,
    "training_set": {
        "id": v.TRAINING_SET,
        "manifest": {
            "url": f"{v.S3}/sites/campus/projects/{v.PROJECT}/training-sets/{v.TRAINING_SET}/manifest.json?{v.SIGNED}",
            "sha256": v.SHA256,
        },
        "shards": [
            {
                "sha256": v.SHA256,
                "bytes": 5767168,
                "url": f"{v.S3}/sites/campus/projects/{v.PROJECT}/training-sets/{v.TRAINING_SET}/shards/0?{v.SIGNED}",
            }
        ],
    },
    "model": None,
    "picture": None,
    "batch": None,
    "resume": None,
}

OPERATIONS = {
    "runner_claim": Operation(
        request={
            "runner": {
                "name": "gpu-1",
                "version": "0.1.0",
                "device": "NVIDIA V100S",
                "slots": ["training", "inference"],
                "architectures": ["efficientnet_lite0", "small_cnn"],
                "batches": True,
            },
            "wait": 20,
        },
        answers={200: ASSIGNMENT, 204: None},
    ),
    "runner_events": Operation(
        request={
            "attempt": 1,
            "seq": 7,
            "events": [{"kind": "metrics", "data": {"split": "train", "step": 40, "epoch": 2, "loss": 0.52}}],
            "log": "",
        },
        answers={200: {"cancel": False, "lease_seconds": 90.0}},
        problems=("attempt_superseded",),
    ),
    "runner_uploads": Operation(
        request={
            "attempt": 1,
            "purpose": "checkpoint",
            "files": [{**CHECKPOINT, "content_type": "application/octet-stream"}],
        },
        answers={
            200: {
                "files": [
                    {
                        "name": CHECKPOINT["name"],
                        "key": CHECKPOINT_KEY,
                        "url": f"{v.S3}/{CHECKPOINT_KEY}?{v.SIGNED}",
                        "method": "PUT",
                        "headers": {"Content-Type": "application/octet-stream", "Content-Length": "786432"},
                    }
                ]
            }
        },
        problems=("attempt_superseded", "file_name"),
    ),
    "runner_checkpoint": Operation(
        request={"attempt": 1, "step": 120, "epoch": 5, "key": CHECKPOINT_KEY, **CHECKPOINT},
        answers={201: {"step": 120, "epoch": 5}},
        problems=("attempt_superseded", "file_name", "file_key", "file_incomplete"),
    ),
    "runner_finish": Operation(
        request={
            "attempt": 1,
            "outcome": "succeeded",
            "files": [ARTIFACT],
            "result": {"metrics": {"validation": {"accuracy": 0.92}}},
            "failure": None,
        },
        answers={200: {"state": "succeeded"}},
        problems=(
            "attempt_superseded",
            "file_name",
            "file_key",
            "file_incomplete",
            "file_missing",
            "result_incomplete",
        ),
    ),
}
