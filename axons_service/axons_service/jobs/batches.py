"""Inference on many pictures: what may be asked for, and what a runner's summary of it must say."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from axons_service.exercises.models import Project
from axons_service.exercises.task_types import SEGMENTATION
from axons_service.jobs.models import Job, PredictionBatch
from axons_service.operations.problems import Problem
from axons_service.storage import objects
from axons_service.training_sets.models import Upload
from axons_service.training_sets.selectors import uploads_of
from axons_service.training_sets.uploads import MAX_BATCH_BYTES

MAX_PICTURES = 500
TABLE = "predictions.csv"
MASKS = "masks.zip"
COUNTS = ("pictures", "predicted", "refused", "classes")


def batch_of(upload: Upload | None, pictures: list[Upload]) -> PredictionBatch | None:
    """The unsaved batch that an inference on these would be; None for a single picture."""
    if pictures:
        return PredictionBatch()
    if upload is not None and upload.purpose == Upload.Purpose.PREDICTION_ARCHIVE:
        return PredictionBatch(name=upload.name)
    return None


def batch_exists(job: Job) -> bool:
    """Whether a job is an inference on many pictures."""
    return job.kind == Job.Kind.INFERENCE and PredictionBatch.objects.filter(job=job).exists()


def batch_pictures(project: Project, ids: list[UUID]) -> list[Upload]:
    """The project's pictures with these ids, all of which have arrived. Raises Problem 422."""
    if len(ids) > MAX_PICTURES:
        sentence = f"At most {MAX_PICTURES} pictures can be looked at in one go. You sent {len(ids)}: make several."
        raise Problem(422, "too_many_files", sentence)
    if len(set(ids)) != len(ids):
        raise Problem(422, "upload_repeated", "The same picture is named twice.")
    found = uploads_of(project, ids, purpose=Upload.Purpose.PREDICTION)
    if len(found) != len(ids):
        sentence = "One of the pictures is not in your project any more. Choose the pictures again."
        raise Problem(422, "upload_unknown", sentence)
    pictures = [found[each] for each in ids]
    size = sum(picture.bytes for picture in pictures)
    if size > MAX_BATCH_BYTES:
        sentence = (
            f"These pictures are {size / 1024**2:.0f} MiB together. At most {MAX_BATCH_BYTES // 1024**2} MiB can be "
            "looked at in one go: make several, or send smaller pictures."
        )
        raise Problem(422, "too_many_bytes", sentence)
    _insist_on_arrival(pictures)
    return pictures


def batch_archive(project: Project, upload: UUID) -> Upload:
    """The project's zip with this id, which has arrived. Raises Problem 422."""
    found = uploads_of(project, [upload], purpose=Upload.Purpose.PREDICTION_ARCHIVE).get(upload)
    if found is None:
        raise Problem(422, "upload_unknown", "Upload a zip of pictures first; this one is not in your project.")
    _insist_on_arrival([found])
    return found


def batch_check(job: Job, names: set[str], result: dict[str, Any]) -> None:
    """See that a finished batch is whole: its files by name, and its summary. Raises Problem 422."""
    required = {TABLE, MASKS} if job.spec.body["task"] == SEGMENTATION else {TABLE}
    missing = required - names
    if missing:
        raise Problem(422, "file_missing", f"A finished batch leaves {', '.join(sorted(missing))} too.")
    classes = job.model.classes if job.model is not None else []
    if batch_counts(result, classes) is None or not _is_number(result.get("seconds")):
        raise Problem(422, "result_incomplete", "The result of this batch lacks what the contract asks for.")


def batch_counts(result: dict[str, Any], classes: Iterable[str]) -> dict[str, Any] | None:
    """What a result says of a batch, {pictures, predicted, refused, classes: {label: count}}; None when it does not,
    or when its numbers do not add up.
    """
    said = result.get("batch")
    if not isinstance(said, dict) or not isinstance(said.get("classes"), dict):
        return None
    numbers = [said.get(name) for name in ("pictures", "predicted", "refused")]
    by_class = said["classes"]
    if not all(_is_count(number) for number in (*numbers, *by_class.values())) or not set(by_class) <= set(classes):
        return None
    pictures, predicted, refused = (int(number or 0) for number in numbers)
    adds_up = predicted + refused == pictures and sum(by_class.values()) == predicted
    return {name: said[name] for name in COUNTS} if adds_up and pictures <= MAX_PICTURES else None


def _insist_on_arrival(uploads: list[Upload]) -> None:
    """Ask the store for those whose arrival was not confirmed. Raises Problem 422 with the name of the first absent."""
    unseen = [upload for upload in uploads if upload.arrived_at is None]
    heads = objects.heads([upload.key for upload in unseen])
    for upload in unseen:
        head = heads[upload.key]
        if head is None or head["bytes"] != upload.bytes:
            raise Problem(422, "upload_incomplete", f"{upload.name} has not arrived. Upload it again.")


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
