"""What an inference on many pictures leaves; called in the transaction that ends its attempt."""

from typing import Any

from axons_service.jobs.batches import batch_counts
from axons_service.jobs.models import Job, PredictionBatch
from axons_service.training_sets.services import uploads_delete


def batch_keep(*, job: Job, files: list[dict[str, str | int]], result: dict[str, Any]) -> None:
    """Keep the table and its counts; the pictures have done their work and make room."""
    assert job.model is not None, "an inference job has a model"
    batch = PredictionBatch.objects.get(job=job)
    batch.counts = batch_counts(result, job.model.classes) or {}
    batch.files = files
    batch.seconds = result["seconds"]
    batch.save(update_fields=["counts", "files", "seconds"])
    archive = [job.upload] if job.upload is not None else []
    uploads_delete(uploads=[*batch.pictures.all(), *archive])
