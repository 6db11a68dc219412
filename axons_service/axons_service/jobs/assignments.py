"""What a runner gets with a claim: everything the attempt needs, by presigned URL."""

from typing import Any

from axons_service.jobs.models import Checkpoint, Job, Model
from axons_service.jobs.services.claims import Claim, lease_seconds
from axons_service.storage import objects
from axons_service.training_sets.models import TrainingSet

EVENT_INTERVAL_SECONDS = 1
RUN_FILES = ("model.safetensors", "model.json")


def assignment(claim: Claim) -> dict[str, Any]:
    """The assignment of a claim. Raises ValueError when the job may not have its input: a fault of ours."""
    job = claim.job
    internal = job.pool.provider == "local"
    return {
        "job": str(job.pk),
        "attempt": claim.attempt.number,
        "token": claim.token,
        "kind": job.kind,
        "task": job.spec.body["task"],
        "lease_seconds": lease_seconds(),
        "time_limit_seconds": job.time_limit_seconds,
        "event_interval_seconds": EVENT_INTERVAL_SECONDS,
        "hyperparameters": job.hyperparameters or None,
        "classes": _classes(job),
        "training_set": _training_set(job, internal),
        "model": _model(job.model, internal),
        "picture": _picture(job, internal),
        "resume": _resume(job, internal),
    }


def _classes(job: Job) -> list[str]:
    source = job.training_set if job.kind == Job.Kind.TRAINING else job.model
    return list(source.classes) if source is not None else []


def _training_set(job: Job, internal: bool) -> dict[str, Any] | None:
    training_set = job.training_set
    if training_set is None:
        return None
    is_hidden = training_set.kind == TrainingSet.Kind.HIDDEN
    if is_hidden != (job.kind == Job.Kind.EVALUATION):
        raise ValueError(f"job {job.pk}: a {job.kind} may not read a {training_set.kind} set")
    return {
        "id": str(training_set.pk),
        "manifest": {
            "url": objects.presigned_get(training_set.manifest_key, internal=internal),
            "sha256": training_set.manifest_sha256,
        },
        "shards": [
            {
                "sha256": shard["sha256"],
                "bytes": shard["bytes"],
                "url": objects.presigned_get(shard["key"], internal=internal),
            }
            for shard in training_set.shards
        ],
    }


def _model(model: Model | None, internal: bool) -> dict[str, Any] | None:
    if model is None:
        return None
    files = [file for file in model.files if file["name"] in RUN_FILES]
    return {
        "files": [
            {
                "name": file["name"],
                "sha256": file["sha256"],
                "bytes": file["bytes"],
                "url": objects.presigned_get(file["key"], internal=internal),
            }
            for file in files
        ]
    }


def _picture(job: Job, internal: bool) -> dict[str, Any] | None:
    if job.kind != Job.Kind.INFERENCE:
        return None
    if job.upload is None:
        raise ValueError(f"job {job.pk}: its picture was swept")
    upload = job.upload
    return {
        "name": upload.name,
        "url": objects.presigned_get(upload.key, internal=internal),
        "bytes": upload.bytes,
    }


def _resume(job: Job, internal: bool) -> dict[str, Any] | None:
    """The furthest checkpoint of any attempt before this one."""
    if job.attempt == 1:
        return None
    furthest = Checkpoint.objects.filter(job=job).order_by("-step", "-attempt").first()
    if furthest is None:
        return None
    return {
        "step": furthest.step,
        "epoch": furthest.epoch,
        "file": {
            "sha256": furthest.sha256,
            "bytes": furthest.bytes,
            "url": objects.presigned_get(furthest.key, internal=internal),
        },
    }
