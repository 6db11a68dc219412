"""Every write of training sets that a request asks for, and the end of uploads; the slow part is `prepare`."""

import logging
import unicodedata
from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Max, QuerySet
from django.utils import timezone

from axons_service.exercises.models import Project
from axons_service.exercises.task_types import SEGMENTATION
from axons_service.jobs.models import Job, PredictionBatch
from axons_service.jobs.states import LIVE
from axons_service.operations.messages import message_publish
from axons_service.operations.problems import Problem
from axons_service.storage import objects
from axons_service.training_sets import selectors
from axons_service.training_sets.models import TrainingSet, Upload

MAX_ADDITIONS = 2500
MAX_CHANGES = 5000
MAX_LABEL_LENGTH = 60
UPLOAD_LIFE = timedelta(hours=24)

logger = logging.getLogger(__name__)


def training_set_create(
    *,
    project: Project,
    base: UUID | None,
    additions: list[dict[str, Any]],
    exclusions: list[str],
    relabels: dict[str, str],
    idempotency_key: str,
) -> tuple[TrainingSet, bool]:
    """The project's next training set, still `preparing`, and whether it was created now (same key: the same set)."""
    request = {
        "base": str(base) if base else None,
        "additions": [{"upload": str(each["upload"]), "label": each["label"].strip()} for each in additions],
        "exclusions": exclusions,
        "relabels": relabels,
    }
    with transaction.atomic():
        version_lock(project)
        first = version_repeated(project, idempotency_key, request)
        if first is not None:
            return first, False
        _check_size(request)
        if project.spec.body["task"] == SEGMENTATION and (additions or relabels):
            raise masks_decide()
        parent = selectors.usable_base(project, base) if base else None
        _check_uploads(project, additions)
        training_set = version_add(project=project, parent=parent, request=request, idempotency_key=idempotency_key)
        taken = [each["upload"] for each in additions]
        Upload.objects.filter(project=project, pk__in=taken).update(taken_by=training_set)
        return training_set, True


def version_lock(project: Project) -> int:
    """Hold the project's version counter until commit; the newest version, 0 without any."""
    Project.objects.select_for_update().get(pk=project.pk)
    return TrainingSet.objects.filter(project=project).aggregate(newest=Max("version"))["newest"] or 0


def version_add(
    *,
    project: Project,
    parent: TrainingSet | None,
    request: dict[str, Any],
    idempotency_key: str,
    title: str = "",
) -> TrainingSet:
    """The project's next version, still `preparing`; the caller holds `version_lock`."""
    version = version_lock(project) + 1
    training_set = TrainingSet.objects.create(
        site_id=project.exercise.site_id,
        project=project,
        kind=TrainingSet.Kind.PROJECT,
        task=project.spec.body["task"],
        title=f"{title[:180]}, version {version}" if title else _title(parent, version),
        version=version,
        parent=parent,
        starter=_starter(project, parent),
        request=request,
        licence=parent.licence if parent else "",
        credits=parent.credits if parent else "",
        idempotency_key=idempotency_key,
    )
    prepare_publish(training_set.pk)
    return training_set


def version_repeated(project: Project, idempotency_key: str, request: dict[str, Any]) -> TrainingSet | None:
    """The version that this key made before. Raises Problem 422 when it was asked for something else then."""
    first = TrainingSet.objects.filter(project=project, idempotency_key=idempotency_key).first()
    if first is not None and first.request != request:
        raise Problem(
            422,
            "idempotency_mismatch",
            "This Idempotency-Key was used for another request. Send a new key with a new request.",
        )
    return first


def prepare_publish(training_set_id: UUID) -> None:
    """Ask a worker after the commit. A lost message costs a delay: `prepare_lost` finds the row."""
    from axons_service.training_sets.tasks import prepare

    message_publish(prepare, str(training_set_id))


@transaction.atomic
def uploads_sweep(*, limit: int = 1000) -> int:
    """Delete uploads that nothing took within a day; how many. What a living job or a preparing set needs stays."""
    preparing = TrainingSet.objects.filter(state=TrainingSet.State.PREPARING, project__isnull=False).values("project")
    due = Upload.objects.filter(created_at__lt=timezone.now() - UPLOAD_LIFE)
    due = uploads_unused(due).exclude(project__in=preparing)
    old = list(due.order_by("created_at")[:limit])
    uploads_delete(uploads=old)
    return len(old)


def uploads_unused(uploads: QuerySet[Upload], *, but_by: Job | None = None) -> QuerySet[Upload]:
    """Those that no living job (other than one that is about to end) and no set in the making needs."""
    living = Job.objects.filter(state__in=LIVE)
    if but_by is not None:
        living = living.exclude(pk=but_by.pk)
    needed = living.filter(upload__isnull=False).values("upload")
    of_batches = PredictionBatch.pictures.through.objects.filter(predictionbatch__job__in=living).values("upload")
    unused = uploads.exclude(pk__in=needed).exclude(pk__in=of_batches)
    return unused.exclude(taken_by__state=TrainingSet.State.PREPARING)


def uploads_delete(*, uploads: list[Upload]) -> None:
    """Delete uploads and, after the commit, their objects."""
    doomed = [upload.key for upload in uploads]
    Upload.objects.filter(pk__in=[upload.pk for upload in uploads]).delete()
    if doomed:
        transaction.on_commit(lambda: objects.delete(doomed), robust=True)


def masks_decide() -> Problem:
    """The refusal of what a set with masks cannot do: its pictures have no label of their own."""
    sentence = (
        "The masks of this exercise's pictures say what they show: there are no labels to change. Add pictures with "
        "their masks as a zip file, or leave pictures out."
    )
    return Problem(422, "masks_decide", sentence)


def _check_size(request: dict[str, Any]) -> None:
    additions, changes = len(request["additions"]), len(request["exclusions"]) + len(request["relabels"])
    if additions + changes == 0:
        raise Problem(422, "nothing_to_do", "Add, remove or relabel at least one picture.")
    if changes and request["base"] is None:
        raise Problem(422, "base_missing", "Removing and relabelling need a training set to start from.")
    if additions > MAX_ADDITIONS:
        raise Problem(422, "too_many_files", f"Add at most {MAX_ADDITIONS} pictures at a time. You sent {additions}.")
    if changes > MAX_CHANGES:
        raise Problem(422, "too_many_changes", f"Change at most {MAX_CHANGES} pictures at a time. You sent {changes}.")
    labels_check({each["label"] for each in request["additions"]} | set(request["relabels"].values()))


def labels_check(labels: Iterable[str]) -> None:
    """Raises Problem 422 for the first that cannot be a class's name."""
    for label in labels:
        if not 1 <= len(label) <= MAX_LABEL_LENGTH or any(unicodedata.category(c)[0] == "C" for c in label):
            raise Problem(422, "label_invalid", f"A label has 1 to {MAX_LABEL_LENGTH} letters: “{label[:80]}” has not.")


def _check_uploads(project: Project, additions: list[dict[str, Any]]) -> None:
    ids = [each["upload"] for each in additions]
    if len(set(ids)) != len(ids):
        raise Problem(422, "upload_repeated", "The same upload is named twice.")
    if ids and not project.spec.body["own_pictures"]:
        raise Problem(403, "own_pictures_off", "This exercise does not take pictures of your own.")
    found = selectors.uploads_of(project, ids, purpose=Upload.Purpose.TRAINING_SET)
    if len(found) != len(ids):
        raise Problem(422, "upload_unknown", "One of the uploads is not in your project. Upload the pictures again.")


def _starter(project: Project, parent: TrainingSet | None) -> TrainingSet | None:
    if parent is None:
        name = project.spec.body.get("starter_set")
        return selectors.library_set(project.exercise.site, kind=TrainingSet.Kind.STARTER, name=name) if name else None
    return parent if parent.kind == TrainingSet.Kind.STARTER else parent.starter


def _title(parent: TrainingSet | None, version: int) -> str:
    if parent is None:
        return f"My pictures, version {version}"
    root = parent.title.split(", version ")[0]
    return f"{root}, version {version}"[:200]
