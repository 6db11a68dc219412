"""The one place that changes a job's state: compare-and-swap on (id, state, attempt), and the event that tells it."""

import logging
from copy import copy
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from axons_service.compute.accounting import compute_use_add
from axons_service.compute.models import Runner
from axons_service.jobs.failures import RETRIED, FailureClass, sentence
from axons_service.jobs.models import Attempt, Job
from axons_service.jobs.services.events import job_update
from axons_service.jobs.states import TABLE, TERMINAL, Move, State

logger = logging.getLogger(__name__)


def job_lock(job_id: UUID) -> Job:
    """The job's row, locked until the end of the transaction (PostgreSQL; SQLite has one writer anyway)."""
    locked = Job.objects.select_for_update(of=("self",), no_key=True)
    return locked.select_related("project__exercise", "spec", "pool", "turn").get(pk=job_id)


def state_data(job: Job) -> dict[str, Any]:
    """The data of a `state` event."""
    failure = {"class": job.failure_class, "message": job.failure_message} if job.failure_class else None
    return {"state": str(job.state), "failure": failure, "cancel_requested": job.cancel_requested}


@transaction.atomic(savepoint=False)
def job_move(*, job: Job, move: Move, **changes: Any) -> bool:
    """Make a move, if the row is still where and in the attempt that `job` says. True when it was made here."""
    rule, before = TABLE[move], job.state
    if rule.target in TERMINAL:
        changes.setdefault("finished_at", timezone.now())
    changes["state"] = rule.target
    after = copy(job)
    _put(after, changes)
    rows = Job.objects.filter(pk=job.pk, attempt=job.attempt, state__in=rule.sources)
    if not job_update(rows=rows, job=job, changes=changes, items=[("state", state_data(after))]):
        return False
    _put(job, changes)
    logger.info("job %s attempt %s: %s → %s%s", job.pk, job.attempt, before, job.state, _why(job))
    return True


def _put(job: Job, changes: dict[str, Any]) -> None:
    for name, value in changes.items():
        setattr(job, name, value)


def _why(job: Job) -> str:
    return f" ({job.failure_class})" if job.failure_class else ""


@transaction.atomic(savepoint=False)
def job_end(*, job: Job, state: State, failure_class: FailureClass, message: str = "") -> bool:
    """Fail or cancel a job for good, and tell grading when it was an evaluation."""
    from axons_service.grading.services import submission_fail

    move = Move.CANCEL if state == State.CANCELLED else Move.FAIL
    text = sentence(failure_class, message)
    if not job_move(job=job, move=move, failure_class=failure_class, failure_message=text):
        return False
    if job.kind == Job.Kind.EVALUATION:
        submission_fail(job=job, failure_class=failure_class, message=text)
    return True


def attempt_end(*, attempt: Attempt, outcome: str, failure_class: str = "", message: str = "") -> bool:
    """End an attempt once; from now on its token opens nothing. True when it was ended here.

    The attempt comes with its job as `job_lock` gives it, for the accounting.
    """
    now = timezone.now()
    living = Attempt.objects.filter(pk=attempt.pk, ended_at__isnull=True)
    ended = living.update(ended_at=now, outcome=outcome, failure_class=failure_class, failure_message=message[:4000])
    if ended and outcome != "lost" and failure_class not in RETRIED:  # our own faults cost nobody a minute
        compute_use_add(attempt=attempt, ended_at=now)
    if ended and attempt.runner_id is not None:
        Runner.objects.filter(pk=attempt.runner_id).update(busy_at=timezone.now())
    return ended == 1
