"""What the desk does in the background: regrading and exports, claimed by one worker, resumed where it was left.

A worker holds a claim by its number and says at every step that it is alive. One that was killed is missed after a
minute: the next claim goes on after the last submission that was gone through.
"""

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from axons_service.exercises.models import Exercise, Spec
from axons_service.grading import regrades, selectors
from axons_service.grading.models import DeskTask, Submission
from axons_service.operations.claimed import ClaimLost, row_claim, rows_rescue
from axons_service.operations.messages import message_publish
from axons_service.operations.problems import Problem
from axons_service.sites.callers import Caller
from axons_service.storage import objects

BATCH = 25
LIFE = timedelta(hours=24)
OUR_FAULT = "It could not be finished. This is our fault; what was done stays done. Please start it again."
NAMES = {DeskTask.Kind.CSV: "submissions.csv", DeskTask.Kind.ZIP: "submissions.zip"}
TYPES = {DeskTask.Kind.CSV: "text/csv; charset=utf-8", DeskTask.Kind.ZIP: "application/zip"}

logger = logging.getLogger(__name__)


def exercise_of(caller: Caller) -> Exercise:
    """The caller's exercise. Raises Problem 404 before anybody opened it."""
    found = Exercise.objects.filter(site=caller.site, usage_key=caller.usage).first()
    if found is None:
        raise Problem(404, "project_not_open", "This exercise was not opened yet. Reload the page.")
    return found


def spec_of(caller: Caller, spec_hash: str) -> Spec:
    """The site's spec of this hash. Raises Problem 422 `spec_unknown`, or `not_graded`."""
    spec = Spec.objects.filter(site=caller.site, hash=spec_hash).first()
    if spec is None:
        raise Problem(422, "spec_unknown", "The exercise's settings are not known here yet. Reload the page.")
    if spec.body.get("grading") is None:
        raise Problem(422, "not_graded", "This exercise is not graded, so there is nothing to regrade.")
    return spec


def task_create(
    *, caller: Caller, kind: str, spec_hash: str | None = None, submission_id: UUID | None = None, reason: str = ""
) -> DeskTask:
    """Start a regrade of one or all submissions, or an export of all. Raises Problem 409 `regrade_running`."""
    exercise = exercise_of(caller)
    spec = None
    if kind == DeskTask.Kind.REGRADE:
        if not reason.strip():
            raise Problem(422, "reason_missing", "Say why the submissions are regraded, so that others can follow it.")
        spec = spec_of(caller, spec_hash or "")
    submission = selectors.submission_for(caller, submission_id) if submission_id is not None else None
    before = timezone.now()
    rows = Submission.objects.filter(project__exercise=exercise, created_at__lte=before)
    total = rows.count() if submission is None else 1
    try:
        with transaction.atomic():
            task = DeskTask.objects.create(
                exercise=exercise,
                spec=spec,
                submission=submission,
                kind=kind,
                grader=caller.learner,
                reason=reason,
                total=total,
                before=before,
            )
            task_publish(task.pk)
    except IntegrityError as error:
        sentence = "The submissions of this exercise are being regraded. Wait until that is over, or stop it."
        raise Problem(409, "regrade_running", sentence) from error
    return task


def task_stop(*, caller: Caller, task_id: UUID) -> DeskTask:
    """Stop a task before its next step; what it did stays. Raises Problem 404, 409 `task_over`."""
    task = task_for(caller, task_id)
    running = DeskTask.objects.filter(pk=task.pk, state=DeskTask.State.RUNNING)
    if running.update(state=DeskTask.State.STOPPED) != 1:
        raise Problem(409, "task_over", "This is over already, so there is nothing to stop.")
    task.refresh_from_db()
    return task


def task_for(caller: Caller, task_id: UUID) -> DeskTask:
    """A task of the caller's exercise, else Problem 404."""
    found = DeskTask.objects.filter(pk=task_id, exercise__site=caller.site, exercise__usage_key=caller.usage).first()
    if found is None:
        raise Problem(404, "not_found", "There is no such task in this exercise.")
    return found


def tasks_of(caller: Caller) -> QuerySet[DeskTask]:
    """The tasks of the caller's exercise."""
    return DeskTask.objects.filter(exercise__site=caller.site, exercise__usage_key=caller.usage)


def task_publish(task_id: UUID) -> None:
    """Ask a worker after the commit. A lost message costs a delay: `desk_tasks_rescue` finds the row."""
    from axons_service.grading.tasks import run_desk_task

    message_publish(run_desk_task, str(task_id))


def task_run(*, task_id: UUID, deadline: Callable[[], bool] = lambda: False) -> bool:
    """Do a task that waits, to its end; False when another worker has it, it was stopped, or `deadline` came first."""
    from axons_service.grading.desk_exports import export_write

    if not row_claim(DeskTask.objects.filter(pk=task_id, state=DeskTask.State.RUNNING)):
        return False
    task = DeskTask.objects.select_related("exercise__site", "spec").get(pk=task_id)
    mine = DeskTask.objects.filter(pk=task.pk, claim=task.claim, state=DeskTask.State.RUNNING)

    def progress(**changes: Any) -> None:
        if mine.update(beat_at=timezone.now(), tries=0, **changes) != 1:
            raise ClaimLost

    try:
        if task.kind == DeskTask.Kind.REGRADE:
            if not _regrade(task, progress, deadline):
                mine.update(beat_at=None)
                task_publish(task.pk)
                return False
            return mine.update(state=DeskTask.State.DONE, beat_at=timezone.now()) == 1
        written = export_write(task, lambda done: progress(done=done))
        return mine.update(state=DeskTask.State.DONE, bytes=written, beat_at=timezone.now(), done=task.total) == 1
    except ClaimLost:
        logger.info("desk task %s: stopped, or another worker went on", task_id)
        return False


def desk_tasks_rescue(*, limit: int = 50) -> int:
    """Ask again for tasks whose message or worker was lost; fail those that did not get on in three claims."""
    return rows_rescue(
        DeskTask.objects.filter(state=DeskTask.State.RUNNING),
        publish=task_publish,
        failed=DeskTask.State.FAILED,
        message=OUR_FAULT,
        limit=limit,
    )


def task_key(task: DeskTask) -> str:
    """Where an export waits to be fetched; swept by its date."""
    return f"tmp/{task.created_at:%Y-%m-%d}/exports/{task.pk}"


def task_output(task: DeskTask) -> dict[str, Any]:
    """The task as JSON-ready values, with a presigned URL while there is something to fetch."""
    is_export = task.kind in NAMES
    fetchable = is_export and task.state == DeskTask.State.DONE and timezone.now() - task.created_at < LIFE
    url = None
    if fetchable:
        kind = DeskTask.Kind(task.kind)
        url = objects.presigned_get(task_key(task), filename=NAMES[kind], content_type=TYPES[kind])
    return {
        "id": str(task.pk),
        "kind": task.kind,
        "state": task.state,
        "done": task.done,
        "changed": task.changed,
        "total": task.total,
        "bytes": task.bytes or None,
        "grader": task.grader,
        "submission": str(task.submission_id) if task.submission_id else None,
        "message": task.message or None,
        "url": url,
        "created_at": task.created_at.isoformat(),
    }


def submissions_after(task: DeskTask) -> QuerySet[Submission]:
    """What the task has still to go through, in the order of their ids."""
    rows = Submission.objects.filter(project__exercise=task.exercise, created_at__lte=task.before)
    if task.submission_id is not None:
        rows = rows.filter(pk=task.submission_id)
    if task.position is not None:
        rows = rows.filter(pk__gt=task.position)
    return rows.order_by("pk")


def _regrade(task: DeskTask, progress: Callable[..., None], deadline: Callable[[], bool]) -> bool:
    """Go through the rest in batches, each with its progress in one transaction. Whether it came to the end."""
    assert task.spec is not None, "a regrade has a spec"
    while not deadline():
        with transaction.atomic():
            batch = list(submissions_after(task).values_list("pk", flat=True)[:BATCH])
            if not batch:
                return True
            changed = regrades.submissions_regrade(task=task, submission_ids=batch)
            task.position, task.done, task.changed = batch[-1], task.done + len(batch), task.changed + changed
            # last: a task that was stopped meanwhile takes the batch back with it
            progress(position=task.position, done=task.done, changed=task.changed)
    return False
