"""Jobs, events, models and predictions as JSON-ready values."""

from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from axons_service.jobs.batches import COUNTS
from axons_service.jobs.models import Event, Job, Model, Prediction
from axons_service.jobs.queue import Place, places
from axons_service.storage import objects
from axons_service.training_sets.images import image_urls


def job_output(job: Job, place: Place | None = None) -> dict[str, Any]:
    """One job. Without a `place` its place in the queue is looked up; `jobs_output` does that for many at once."""
    if place is None:
        place = places([job]).get(job.pk, Place())
    is_done = job.state == Job.State.SUCCEEDED  # before that there is nothing to look for
    produced = getattr(job, "produced_model", None) if is_done else None
    prediction = getattr(job, "prediction", None) if is_done else None
    is_evaluation = job.kind == Job.Kind.EVALUATION
    return {
        "id": str(job.pk),
        "kind": job.kind,
        "state": job.state,
        "attempt": job.attempt,
        # an evaluation's set is the hidden test set: not even its id leaves the service
        "training_set": None if is_evaluation else _text(job.training_set_id),
        "hyperparameters": job.hyperparameters or None,
        "model": str(produced.pk) if produced is not None else _text(job.model_id),
        "prediction": str(prediction.pk) if prediction is not None else None,
        "batch": batch_output(job),
        "created_at": job.created_at.isoformat(),
        "started_at": _time(job.started_at),
        "finished_at": _time(job.finished_at),
        "progress": job.progress,
        "metrics": None if is_evaluation else job.metrics,
        "failure": {"class": job.failure_class, "message": job.failure_message} if job.failure_class else None,
        "queue": asdict(place),
        "cancel_requested": job.cancel_requested,
    }


def batch_output(job: Job) -> dict[str, Any] | None:
    """What is known of an inference on many pictures; the counts are null before it is over. None for other jobs."""
    batch = getattr(job, "batch", None) if job.kind == Job.Kind.INFERENCE else None
    if batch is None:
        return None
    return {"name": batch.name, "seconds": batch.seconds, **{name: batch.counts.get(name) for name in COUNTS}}


def jobs_output(jobs: list[Job]) -> list[dict[str, Any]]:
    """Many jobs with a constant number of queries for their places."""
    found = places(jobs)
    return [job_output(job, found.get(job.pk, Place())) for job in jobs]


def event_output(event: Event) -> dict[str, Any]:
    """One event, the same in the stream and in the poll."""
    return {
        "id": event.pk,
        "job": _text(event.job_id),
        "seq": event.seq,
        "attempt": event.attempt,
        "kind": event.kind,
        "time": event.created_at.isoformat(),
        "data": event.data,
    }


def model_output(model: Model, *, with_urls: bool = True) -> dict[str, Any]:
    """One model. URLs of artifacts and of the pictures it got wrong are signed only `with_urls`."""
    return {
        "id": str(model.pk),
        "name": model.title,
        "job": _text(model.job_id),
        "training_set": _text(model.job.training_set_id) if model.job is not None else None,
        "architecture": model.architecture,
        "task": model.task,
        "classes": model.classes,
        "metrics": _metrics(model, with_urls),
        "hyperparameters": model.job.hyperparameters if model.job is not None else {},
        "created_at": model.created_at.isoformat(),
        "artifacts": [
            {
                "name": file["name"],
                "bytes": file["bytes"],
                "url": objects.presigned_get(file["key"], filename=file["name"]) if with_urls else None,
            }
            for file in model.files
        ],
        "source": model.source,
    }


def prediction_output(prediction: Prediction) -> dict[str, Any]:
    """One prediction with its pictures' URLs."""
    files = {file["name"]: file["key"] for file in prediction.files}
    return {
        "id": str(prediction.pk),
        "job": str(prediction.job_id),
        "model": str(prediction.model_id),
        "created_at": prediction.created_at.isoformat(),
        "file": prediction.file,
        "probabilities": prediction.probabilities,
        "picture_url": objects.presigned_get(files["picture.jpg"]) if "picture.jpg" in files else None,
        "overlay_url": objects.presigned_get(files["overlay.png"]) if "overlay.png" in files else None,
        "mask_url": objects.presigned_get(files["mask.png"]) if "mask.png" in files else None,
        "shares": prediction.data.get("classes", []),
        "colours": prediction.data.get("colours", {}),
        "seconds": prediction.seconds,
    }


def _metrics(model: Model, with_urls: bool) -> dict[str, Any]:
    """The model's metrics; each mistake with the URL of its picture."""
    validation = model.metrics.get("validation", {})
    mistakes = validation.get("mistakes")
    training_set = model.job.training_set if model.job is not None else None
    if not mistakes or training_set is None:
        return dict(model.metrics)
    shows = with_urls and training_set.purged_at is None
    urls = image_urls(training_set, [mistake["sha256"] for mistake in mistakes]) if shows else {}
    shown = [{**mistake, "url": urls.get(mistake["sha256"])} for mistake in mistakes]
    return {**model.metrics, "validation": {**validation, "mistakes": shown}}


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)


def _time(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat()
