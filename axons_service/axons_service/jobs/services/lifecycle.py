"""Jobs before and beside their attempts: create, dispatch, cancel."""

import logging
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from axons_service.compute.budgets import budget_check
from axons_service.compute.models import Pool
from axons_service.exercises.models import Project
from axons_service.jobs import waiting
from axons_service.jobs.batches import batch_of
from axons_service.jobs.deadlines import CANCEL_GRACE
from axons_service.jobs.failures import FailureClass
from axons_service.jobs.models import Job, Model
from axons_service.jobs.services.events import events_append
from axons_service.jobs.services.inputs import inputs_check, inputs_hold
from axons_service.jobs.services.moves import attempt_end, job_end, job_lock, job_move, state_data
from axons_service.jobs.services.turns import turn_of, turn_wait
from axons_service.jobs.states import HELD, TERMINAL, WAITING, Move, State
from axons_service.operations.messages import message_publish
from axons_service.operations.problems import Problem
from axons_service.operations.retention.quotas import quota_check
from axons_service.operations.transactions import joined_transaction
from axons_service.training_sets.models import TrainingSet, Upload

INFERENCE_LIMIT_SECONDS = 120
BATCH_LIMIT_SECONDS = 900
EVALUATION_LIMIT_SECONDS = 900

logger = logging.getLogger(__name__)


def job_create(
    *,
    project: Project,
    kind: str,
    idempotency_key: str,
    request_sha256: str,
    training_set: TrainingSet | None = None,
    model: Model | None = None,
    upload: Upload | None = None,
    pictures: list[Upload] | None = None,
    hyperparameters: dict[str, Any] | None = None,
) -> tuple[Job, bool]:
    """A job for this request, and whether it was created now. The row is the outbox; its message follows the commit.

    An inference has an `upload`, which is a picture or a zip of pictures, or `pictures`.

    The same key with the same body gives the first job again. Raises Problem 422: `idempotency_mismatch` for the same
    key with another body, `training_set_*`, `model_*`, `pool_unavailable` for what the job cannot use. Raises Problem
    409 `budget_used_up` for a training beyond the compute budget of the course, the learner or the exercise.
    """
    try:
        with joined_transaction():
            job = _job_new(
                project=project,
                kind=kind,
                training_set=training_set,
                model=model,
                upload=upload,
                pictures=pictures or [],
                hyperparameters=hyperparameters or {},
                idempotency_key=idempotency_key,
                request_sha256=request_sha256,
            )
    except Problem:  # a repeat is answered as the first one was, whatever has become of what it used
        first = _first(project, idempotency_key)
        if first is None:
            raise
        return _repeated(first, request_sha256), False
    if job is not None:
        return job, True
    first = _first(project, idempotency_key)
    assert first is not None, "what the insert met is there"
    return _repeated(first, request_sha256), False


def _job_new(
    *,
    project: Project,
    kind: str,
    training_set: TrainingSet | None,
    model: Model | None,
    upload: Upload | None,
    pictures: list[Upload],
    **values: Any,
) -> Job | None:
    """A new job; None when the project has one with this key. Problems are raised before anything of it is written."""
    spec = project.spec
    pool = Pool.objects.filter(name=spec.body["pool"], is_active=True).first()
    if pool is None:
        raise Problem(422, "pool_unavailable", f"The pool “{spec.body['pool']}” of this exercise takes no jobs now.")
    turn = turn_of(project=project, pool_id=pool.pk, kind=kind)
    if kind == Job.Kind.TRAINING:
        budget_check(project, turn.course_turn.limits)
    batch = batch_of(upload, pictures) if kind == Job.Kind.INFERENCE else None
    training_set = inputs_check(
        project=project, kind=kind, training_set=training_set, model=model, upload=upload, pictures=pictures
    )
    uploads = [*pictures, *([upload] if upload is not None else [])]
    inputs_hold(project=project, training_set=training_set, model=model, uploads=uploads)
    if kind != Job.Kind.EVALUATION:  # handing in is never refused for lack of room
        quota_check(project=project)
    job = Job(
        project=project,
        spec=spec,
        pool=pool,
        kind=kind,
        training_set=training_set,
        model=model,
        upload=upload,
        time_limit_seconds=BATCH_LIMIT_SECONDS if batch is not None else _time_limit(kind, spec.body),
        turn=turn,
        **values,
    )
    # With a clash nothing is written and no error breaks the caller's transaction: then there are no events to number.
    Job.objects.bulk_create([job], ignore_conflicts=True)
    if not events_append(project_id=project.pk, job=job, items=[("state", state_data(job))]):
        return None
    if batch is not None:
        batch.job = job
        batch.save(force_insert=True)
        batch.pictures.set(pictures)
    dispatch_publish(job.pk)
    logger.info("job %s was ordered: %s of project %s in pool %s", job.pk, kind, project.pk, pool.name)
    return job


def _first(project: Project, idempotency_key: str) -> Job | None:
    return Job.objects.filter(project=project, idempotency_key=idempotency_key).first()


def _repeated(job: Job, request_sha256: str) -> Job:
    if job.request_sha256 != request_sha256:
        raise Problem(
            422,
            "idempotency_mismatch",
            "This Idempotency-Key was used for another request. Send a new key with a new request.",
        )
    return job


def _time_limit(kind: str, spec: dict[str, Any]) -> int:
    match kind:
        case Job.Kind.INFERENCE:
            return INFERENCE_LIMIT_SECONDS
        case Job.Kind.EVALUATION:
            return EVALUATION_LIMIT_SECONDS
    return int(spec["time_limit_minutes"]) * 60


def dispatch_publish(job_id: UUID) -> None:
    """Ask for the dispatch after the commit. A lost message costs seconds: the reconciler finds the row."""
    from axons_service.jobs.tasks import dispatch_job

    message_publish(dispatch_job, str(job_id))


def job_dispatch(*, job_id: UUID) -> bool:
    """Let runners claim a queued job, and see that its pool has one. True when it was dispatched here."""
    from axons_service.compute.services import pool_scale_for_work

    with transaction.atomic():
        job = job_lock(job_id)
        if job.cancel_requested and job.state == State.QUEUED:  # a message that comes late ends no attempt
            job_end(job=job, state=State.CANCELLED, failure_class=FailureClass.CANCELLED)
            return False
        turn = job.turn or turn_of(project=job.project, pool_id=job.pool_id, kind=job.kind)
        moved = job_move(job=job, move=Move.DISPATCH, dispatched_at=timezone.now(), turn=turn)
        if moved:
            turn_wait(turn=turn, since=job.created_at)
            waiting.claimers_notify(job.pool_id)
    if moved:
        pool_scale_for_work(pool_id=job.pool_id)
    return moved


@transaction.atomic
def job_cancel(*, job_id: UUID) -> Job:
    """Cancel a waiting job at once; ask the runner of a held one through its next heartbeat's reply."""
    job = job_lock(job_id)
    if State(job.state) in TERMINAL or job.cancel_requested:
        return job
    now = timezone.now()
    Job.objects.filter(pk=job.pk).update(cancel_requested=True, cancel_requested_at=now)
    job.cancel_requested, job.cancel_requested_at = True, now
    if State(job.state) in WAITING:
        job_end(job=job, state=State.CANCELLED, failure_class=FailureClass.CANCELLED)
    else:
        events_append(project_id=job.project_id, job=job, items=[("state", state_data(job))])
    return job


@transaction.atomic
def job_cancel_force(*, job_id: UUID) -> bool:
    """Cancel without the runner, which had its grace: its attempt ends and its next write gets 409."""
    job = job_lock(job_id)
    requested = job.cancel_requested_at
    if State(job.state) not in HELD or requested is None or requested + CANCEL_GRACE > timezone.now():
        return False
    for attempt in job.attempts.filter(ended_at__isnull=True):
        attempt_end(attempt=attempt, outcome="cancelled", failure_class=FailureClass.CANCELLED)
    logger.warning("job %s: its runner did not stop within %s, cancelled without it", job.pk, CANCEL_GRACE)
    return job_end(job=job, state=State.CANCELLED, failure_class=FailureClass.CANCELLED)
