"""What a runner gets with a claim: everything the attempt needs, by presigned URL."""

from typing import Any

from axons_service.jobs.batches import MAX_PICTURES
from axons_service.jobs.models import Checkpoint, Job, Model, PredictionBatch
from axons_service.jobs.services.claims import Claim, lease_seconds
from axons_service.storage import objects
from axons_service.training_sets.models import TrainingSet, Upload

EVENT_INTERVAL_SECONDS = 1
RUN_FILES = ("model.safetensors", "model.json")


def assignment(claim: Claim) -> dict[str, Any]:
    """The assignment of a claim. Raises ValueError when the job may not have its input: a fault of ours."""
    job = claim.job
    internal = job.pool.provider == "local"
    batch = PredictionBatch.objects.filter(job=job).first() if job.kind == Job.Kind.INFERENCE else None
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
        "picture": _picture(job, batch, internal),
        "batch": _batch(job, batch, internal),
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


def _picture(job: Job, batch: PredictionBatch | None, internal: bool) -> dict[str, Any] | None:
    if job.kind != Job.Kind.INFERENCE or batch is not None:
        return None
    if job.upload is None:
        raise ValueError(f"job {job.pk}: its picture was swept")
    return _upload(job.upload, internal)


def _batch(job: Job, batch: PredictionBatch | None, internal: bool) -> dict[str, Any] | None:
    if batch is None:
        return None
    pictures = list(batch.pictures.order_by("name", "pk"))
    if job.upload is None and not pictures:
        raise ValueError(f"job {job.pk}: its pictures were swept")
    return {
        "archive": _upload(job.upload, internal) if job.upload is not None else None,
        "pictures": [_upload(picture, internal) for picture in pictures],
        "max_pictures": MAX_PICTURES,
    }


def _upload(upload: Upload, internal: bool) -> dict[str, Any]:
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
