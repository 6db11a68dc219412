"""What no message and no runner will do: every non-terminal state has a deadline, and this looks at all of them."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from axons_service.jobs.failures import FailureClass
from axons_service.jobs.models import Attempt, Job
from axons_service.jobs.services.attempts import attempt_overdue, lease_expire
from axons_service.jobs.services.lifecycle import CANCEL_GRACE, job_cancel_force, job_dispatch
from axons_service.jobs.services.moves import job_end, job_lock
from axons_service.jobs.states import HELD, WAITING, State

QUEUED_DEADLINE = timedelta(seconds=10)  # after that the dispatch message is taken for lost
CAPACITY_DEADLINE = timedelta(hours=24)
PREPARING_DEADLINE = timedelta(minutes=20)
FINISHING_DEADLINE = timedelta(minutes=10)  # beyond the job's time limit
TIME_LIMIT_GRACE = timedelta(seconds=60)  # the runner stops itself first
BATCH = 1000

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reconciled:
    """How many rows each rule changed."""

    dispatched: int
    no_capacity: int
    leases_expired: int
    overdue: int
    cancelled: int


def jobs_reconcile() -> Reconciled:
    """Apply every deadline once. Each row is its own transaction; one that raises does not stop the others."""
    now = timezone.now()
    queued = Job.objects.filter(state=State.QUEUED, created_at__lt=now - QUEUED_DEADLINE)
    starved = Job.objects.filter(state__in=WAITING, created_at__lt=now - CAPACITY_DEADLINE)
    silent = Job.objects.filter(state__in=HELD, cancel_requested_at__lt=now - CANCEL_GRACE)
    living = Attempt.objects.filter(ended_at__isnull=True, number=F("job__attempt"))
    expired = living.filter(lease_expires_at__lt=now)
    return Reconciled(
        dispatched=_each((pk, partial(job_dispatch, job_id=pk)) for pk in _ids(queued)),
        no_capacity=_each((pk, partial(_starve, pk)) for pk in _ids(starved)),
        leases_expired=_each(
            (job, partial(lease_expire, attempt_id=pk)) for pk, job in expired.values_list("pk", "job_id")[:BATCH]
        ),
        cancelled=_each((pk, partial(job_cancel_force, job_id=pk)) for pk in _ids(silent)),
        overdue=_each(
            (attempt.job_id, partial(_overdue_end, attempt, now))
            for attempt in living.select_related("job").filter(started_at__lt=now - TIME_LIMIT_GRACE)[:BATCH]
        ),
    )


def _ids(jobs: QuerySet[Job]) -> list[UUID]:
    return list(jobs.order_by("created_at").values_list("pk", flat=True)[:BATCH])


def _each(calls: Iterable[tuple[UUID, Callable[[], bool]]]) -> int:
    done = 0
    for job_id, call in calls:
        try:
            done += call()
        except Exception:  # one bad row must not keep the others waiting
            logger.exception("job %s could not be reconciled", job_id)
    return done


@transaction.atomic
def _starve(job_id: UUID) -> bool:
    job = job_lock(job_id)
    if State(job.state) not in WAITING:
        return False
    return job_end(job=job, state=State.FAILED, failure_class=FailureClass.NO_CAPACITY)


def _overdue_end(attempt: Attempt, now: datetime) -> bool:
    """End an attempt that stayed in its state for too long although its runner still sends heartbeats."""
    limit = timedelta(seconds=attempt.job.time_limit_seconds)
    deadline, failure_class = {
        State.PREPARING: (PREPARING_DEADLINE, FailureClass.INFRASTRUCTURE),
        State.RUNNING: (limit + TIME_LIMIT_GRACE, FailureClass.TIME_LIMIT),
        State.FINISHING: (limit + FINISHING_DEADLINE, FailureClass.INFRASTRUCTURE),
    }[State(attempt.job.state)]
    age = now - attempt.started_at
    if age <= deadline:
        return False
    logger.warning("job %s attempt %s: %s for %s", attempt.job_id, attempt.number, attempt.job.state, age)
    return attempt_overdue(attempt_id=attempt.pk, state=attempt.job.state, failure_class=failure_class)
