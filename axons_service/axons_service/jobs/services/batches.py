"""What an inference on many pictures leaves; called in the transaction that ends its attempt."""

from typing import Any

from axons_service.jobs.batches import batch_counts
from axons_service.jobs.models import Job, PredictionBatch
from axons_service.jobs.services.inputs import inputs_lock
from axons_service.training_sets.models import Upload
from axons_service.training_sets.services import uploads_delete, uploads_unused


def batch_keep(*, job: Job, files: list[dict[str, str | int]], result: dict[str, Any]) -> None:
    """Keep the table and its counts; the pictures have done their work and make room."""
    assert job.model is not None, "an inference job has a model"
    batch = PredictionBatch.objects.get(job=job)
    batch.counts = batch_counts(result, job.model.classes) or {}
    batch.files = files
    batch.seconds = result["seconds"]
    batch.save(update_fields=["counts", "files", "seconds"])
    inputs_lock(job.project_id)  # who orders something with these pictures has done so, or finds them gone
    own = [*batch.pictures.values_list("pk", flat=True), *([job.upload_id] if job.upload_id else [])]
    uploads_delete(uploads=list(uploads_unused(Upload.objects.filter(pk__in=own), but_by=job)))
