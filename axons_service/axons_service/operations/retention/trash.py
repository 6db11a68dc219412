"""The trash: what a learner deletes is hidden at once, comes back for 14 days, and only then loses its objects.

Every write holds the project's row, as does every request that begins to use something of the project.
"""

import logging
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet, Sum
from django.utils import timezone

from axons_service.exercises.models import Project
from axons_service.jobs.models import Checkpoint, Event, Job, Model, Prediction, PredictionBatch
from axons_service.jobs.services import event_append
from axons_service.jobs.states import TERMINAL
from axons_service.operations.problems import Problem
from axons_service.operations.retention.selectors import trash_output
from axons_service.operations.retention.uses import Uses, project_uses
from axons_service.storage import keys
from axons_service.storage.models import Deletion, Trash
from axons_service.training_sets.exports import exports_delete
from axons_service.training_sets.manifests import stored_bytes
from axons_service.training_sets.models import TrainingSet

UNDO = timedelta(days=14)
MANY = 20

logger = logging.getLogger(__name__)


def trash_put(*, project: Project, kind: str, object_id: UUID, by: str) -> tuple[Trash, bool]:
    """Put one thing of a project into the trash, and whether it was done now (a repeat gives the first entry).

    A run takes its model along; `project` takes all that is not in use. Raises Problem 404 for what is not there,
    409 `in_use` with the reason, 409 `nothing_to_delete`.
    """
    with transaction.atomic():
        project_hold(project)
        if kind == Trash.Kind.PROJECT:
            if object_id != project.pk:
                raise Problem(404, "not_found", "There is no such project, or it is not yours.")
            return _project_put(project, by)
        item = _item(project, kind, object_id)
        if item.trash is not None:
            return item.trash, False
        uses = project_uses(project)
        reason = _uses_of(uses, kind).get(object_id)
        if reason is not None:
            raise Problem(409, "in_use", reason)
        entry = _entry(project, kind, object_id, _title(item), by)
        _mark(entry, **{f"{kind}s": [object_id]})
        return entry, True


def project_trash(*, project: Project, older_than: datetime, title: str, reason: str) -> Trash | None:
    """A rule puts into the trash what was made, and last came out of the trash, before `older_than`; None: nothing."""
    with transaction.atomic():
        project_hold(project)
        found = _deletable(project, project_uses(project), older_than)
        if not any(found.values()):
            return None
        entry = _entry(project, Trash.Kind.PROJECT, project.pk, title, "")
        entry.reason = reason
        _mark(entry, **found)
        return entry


def trash_restore(*, entry: Trash) -> Trash:
    """Undo a deletion. A repeat is fine; Problem 410 `trash_gone` once the objects are given up."""
    with transaction.atomic():
        project_hold(entry.project)
        entry.refresh_from_db()
        if entry.purged_at is not None:
            raise Problem(410, "trash_gone", f"“{entry.title}” was deleted for good on {entry.purged_at:%Y-%m-%d}.")
        if entry.restored_at is None:
            entry.restored_at = timezone.now()
            entry.save(update_fields=["restored_at"])
            for model in (TrainingSet, Job, Model):
                model.objects.filter(trash=entry).update(trash=None, kept_at=entry.restored_at)
            _tell(entry)
    return entry


def trash_purge(*, entry: Trash) -> Trash:
    """Give the objects of an entry up for good: the rows are marked now, the sweeper deletes objects afterwards.

    What came into use meanwhile leaves the trash instead. A repeat is fine; Problem 409 for what was restored.
    """
    with transaction.atomic():
        project_hold(entry.project)
        entry.refresh_from_db()
        if entry.restored_at is not None:
            raise Problem(409, "trash_restored", f"“{entry.title}” was restored. Delete it again first.")
        if entry.purged_at is None:
            _keep_used(entry)
            _give_up(entry, entry.project)
            entry.purged_at = timezone.now()
            entry.bytes = 0
            entry.save(update_fields=["purged_at", "bytes"])
            _tell(entry)
    return entry


def trash_expire(*, limit: int = 100) -> int:
    """Give up the entries whose 14 days are over; how many. One that cannot be done does not stop the others."""
    due = Trash.objects.filter(restored_at=None, purged_at=None, expires_at__lt=timezone.now())
    done = 0
    for entry in due.select_related("project__exercise").order_by("expires_at")[:limit]:
        try:
            trash_purge(entry=entry)
            done += 1
        except Problem:  # restored a moment ago
            continue
        except Exception:
            logger.exception("trash entry %s could not be given up", entry.pk)
    return done


def project_hold(project: Project) -> None:
    """Lock the project's row until the end of the transaction. Raises Problem 404 when it was erased meanwhile."""
    if not Project.objects.select_for_update(no_key=True).filter(pk=project.pk).values_list("pk").first():
        raise Problem(404, "not_found", "There is no such project, or it is not yours.")


def deletion_queue(*, project_id: UUID, prefix: str) -> None:
    """Have the sweeper look below a prefix; asking twice is asking once, from the beginning."""
    Deletion.objects.update_or_create(
        prefix=prefix, defaults={"project_id": project_id, "cursor": "", "not_before": timezone.now()}
    )


def _project_put(project: Project, by: str) -> tuple[Trash, bool]:
    uses = project_uses(project)
    if uses.busy:
        sentence = "Something is still running in this exercise. Cancel it or wait for its end, then delete everything."
        raise Problem(409, "in_use", sentence)
    found = _deletable(project, uses, None)
    if not any(found.values()):
        recent = Trash.objects.filter(
            project=project, kind=Trash.Kind.PROJECT, restored_at=None, purged_at=None, reason=Trash.Reason.PERSON
        )
        first = recent.order_by("-created_at").first()
        if first is not None:
            return first, False
        raise Problem(409, "nothing_to_delete", "There is nothing here to delete: what you handed in stays.")
    entry = _entry(project, Trash.Kind.PROJECT, project.pk, "Everything in this exercise", by)
    _mark(entry, **found)
    return entry, True


def _item(project: Project, kind: str, object_id: UUID) -> Any:
    rows: dict[str, QuerySet[Any]] = {
        Trash.Kind.TRAINING_SET: TrainingSet.objects.filter(project=project),
        Trash.Kind.JOB: Job.objects.filter(project=project),
        Trash.Kind.MODEL: Model.objects.filter(project=project),
    }
    item = rows[kind].select_related("trash").filter(pk=object_id).first()
    if item is None:
        raise Problem(404, "not_found", f"There is no such {kind.replace('_', ' ')} in this project.")
    return item


def _uses_of(uses: Uses, kind: str) -> dict[UUID, str]:
    return {
        Trash.Kind.TRAINING_SET.value: uses.training_sets,
        Trash.Kind.JOB.value: uses.jobs,
        Trash.Kind.MODEL.value: uses.models,
    }[str(kind)]


def _title(item: Any) -> str:
    if not isinstance(item, Job):
        return str(item.title)
    if item.kind == Job.Kind.TRAINING:
        older = Job.objects.filter(project=item.project_id, kind=item.kind, created_at__lte=item.created_at)
        return f"Run {older.count()}"
    return "A picture that was tried"


def _entry(project: Project, kind: str, object_id: UUID, title: str, by: str) -> Trash:
    expires_at = timezone.now() + UNDO
    return Trash.objects.create(
        project=project, kind=kind, object_id=object_id, title=title[:200], deleted_by=by, expires_at=expires_at
    )


def _deletable(project: Project, uses: Uses, older_than: datetime | None) -> dict[str, list[UUID]]:
    """What of the project is neither in use nor in the trash, and old enough: lists for `_mark`."""
    old = Q()
    if older_than is not None:
        old = Q(created_at__lt=older_than) & (Q(kept_at__isnull=True) | Q(kept_at__lt=older_than))
    found: dict[str, list[UUID]] = {}
    for name, rows, used in (
        ("training_sets", TrainingSet.objects, uses.training_sets),
        ("jobs", Job.objects.filter(state__in=TERMINAL), uses.jobs),
        ("models", Model.objects, uses.models),
    ):
        free = rows.filter(old, project=project, trash__isnull=True).values_list("pk", flat=True)
        found[name] = [pk for pk in free if pk not in used]
    return found


def _mark(
    entry: Trash, *, training_sets: list[UUID] | None = None, jobs: list[UUID] | None = None, models: Any = None
) -> None:
    """Hide the things and count what they fill: a run takes along its model, unless that is in the trash already."""
    now_in = (
        (TrainingSet, Q(pk__in=training_sets or [])),
        (Job, Q(pk__in=jobs or [])),
        (Model, Q(pk__in=models or []) | Q(job_id__in=jobs or [])),
    )
    total = 0
    for model, which in now_in:
        rows: QuerySet[Any] = model.objects.filter(which, project=entry.project_id, trash__isnull=True)
        rows.update(trash=entry)
        total += model.objects.filter(trash=entry).aggregate(total=Sum("stored_bytes"))["total"] or 0
    total += Checkpoint.objects.filter(job__trash=entry).aggregate(total=Sum("bytes"))["total"] or 0
    entry.bytes = total
    entry.save(update_fields=["bytes", "reason"])
    _tell(entry)


def _tell(entry: Trash) -> None:
    """Have every open page of the project look again."""
    event_append(project=entry.project, job=None, kind="trash", data={"entry": trash_output(entry)})


def _keep_used(entry: Trash) -> None:
    """Take out of the entry what came into use while it was in the trash."""
    uses = project_uses(entry.project)
    for model, used in ((TrainingSet, uses.training_sets), (Job, uses.jobs), (Model, uses.models)):
        back = model.objects.filter(trash=entry, pk__in=[pk for pk in used if pk is not None])
        if count := back.update(trash=None, kept_at=timezone.now()):
            logger.warning("trash entry %s: %s things are in use again and were kept", entry.pk, count)


def _give_up(entry: Trash, project: Project) -> None:
    """Mark the rows and write down where the sweeper must look."""
    now = timezone.now()
    prefix = keys.project_prefix(project)
    models = list(Model.objects.filter(trash=entry).values_list("pk", flat=True))
    Model.objects.filter(trash=entry).update(purged_at=now, stored_bytes=0, files=[], metrics={}, description={})
    _queue(project, f"{prefix}models/", models)
    jobs = list(Job.objects.filter(trash=entry).values_list("pk", flat=True))
    Job.objects.filter(trash=entry).update(purged_at=now, stored_bytes=0)
    Checkpoint.objects.filter(job__in=jobs).delete()
    Event.objects.filter(job__in=jobs).delete()
    Prediction.objects.filter(job__in=jobs).delete()
    PredictionBatch.objects.filter(job__in=jobs).delete()
    _queue(project, f"{prefix}jobs/", jobs)
    sets = TrainingSet.objects.filter(trash=entry)
    exports_delete(sets=sets)
    if sets.update(purged_at=now, report=[], request={}, message=""):
        sets_recount(project)
        for folder in ("training-sets/", "blobs/", "thumbnails/"):
            deletion_queue(project_id=project.pk, prefix=f"{prefix}{folder}")


def _queue(project: Project, folder: str, ids: list[UUID]) -> None:
    """Look below each thing's own prefix; below the whole folder when there are many."""
    prefixes = [folder] if len(ids) > MANY else [f"{folder}{pk}/" for pk in ids]
    for prefix in prefixes:
        deletion_queue(project_id=project.pk, prefix=prefix)


def sets_recount(project: Project) -> None:
    """Count for given-up sets what later versions still hold of them: shards are shared, never copied."""
    prefix = f"{keys.project_prefix(project)}training-sets/"
    living = TrainingSet.objects.filter(project=project, purged_at__isnull=True).values_list("shards", flat=True)
    held = {shard["key"]: shard for shards in living for shard in shards}
    for pk in TrainingSet.objects.filter(project=project, purged_at__isnull=False).values_list("pk", flat=True):
        kept = stored_bytes(held.values(), f"{prefix}{pk}/")
        TrainingSet.objects.filter(pk=pk).exclude(stored_bytes=kept).update(stored_bytes=kept)
