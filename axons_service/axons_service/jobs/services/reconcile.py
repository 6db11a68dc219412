"""What no message and no runner will do: every non-terminal state has a deadline, and this looks at all of them."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from axons_service.jobs.allowance import held_back
from axons_service.jobs.deadlines import CANCEL_GRACE, CAPACITY, DEADLINES, Since, Then, held_deadline
from axons_service.jobs.failures import FailureClass
from axons_service.jobs.models import Attempt, Job
from axons_service.jobs.services.attempts import attempt_overdue, attempt_stalled, lease_expire
from axons_service.jobs.services.lifecycle import job_cancel_force, job_dispatch
from axons_service.jobs.services.moves import job_end, job_lock
from axons_service.jobs.states import HELD, WAITING, State

BATCH = 1000
WAITING_SINCE = Coalesce("waiting_since", "created_at")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reconciled:
    """How many rows each rule changed."""

    dispatched: int
    excused: int
    given_up: int
    no_capacity: int
    leases_expired: int
    cancelled: int
    stalled: int
    overdue: int


def jobs_reconcile() -> Reconciled:
    """Apply every deadline once. Each row is its own transaction; one that raises does not stop the others."""
    now = timezone.now()
    return Reconciled(
        dispatched=_each((pk, partial(job_dispatch, job_id=pk)) for pk in _waiting_beyond(Then.DISPATCH, now)),
        excused=_excuse(now),
        given_up=_each((pk, partial(_fail, pk, FailureClass.HELD_BACK)) for pk in _held_beyond(Then.GIVE_UP, now)),
        no_capacity=_each((pk, partial(_fail, pk, FailureClass.NO_CAPACITY)) for pk in _waiting_beyond(Then.FAIL, now)),
        leases_expired=_each(
            (job, partial(lease_expire, attempt_id=pk))
            for pk, job in _pks(_living().filter(lease_expires_at__lt=now))[:BATCH]
        ),
        cancelled=_each((pk, partial(job_cancel_force, job_id=pk)) for pk in _silent(now)),
        stalled=_each((job, partial(attempt_stalled, attempt_id=pk)) for pk, job in _pks(_still(now))),
        overdue=_each((attempt.job_id, partial(_overdue_end, attempt, now)) for attempt in _old(now)),
    )


def _living() -> QuerySet[Attempt]:
    """All of them, not a batch: most are looked at and left, and would keep those behind them from being seen."""
    return Attempt.objects.filter(ended_at__isnull=True, number=F("job__attempt"))


def _pks(attempts: QuerySet[Attempt]) -> list[tuple[int, UUID]]:
    return list(attempts.order_by("pk").values_list("pk", "job_id"))


def _waiting_beyond(then: Then, now: datetime) -> list[UUID]:
    """Waiting jobs that passed the deadline of their state which leads to `then`."""
    return _ids(_beyond(then, now))


def _held_beyond(then: Then, now: datetime) -> list[UUID]:
    """Those of them that a limit or a budget keeps from starting; only when there are any is that looked into."""
    passed = _beyond(then, now)
    return _ids(held_back(passed, served_since=now - CAPACITY)) if passed.exists() else []


def _beyond(then: Then, now: datetime) -> QuerySet[Job]:
    passed = Q(pk__in=[])
    for state in WAITING:
        for deadline in DEADLINES[state]:
            if deadline.then is then:
                clock = "since" if deadline.since is Since.WAITING else "created_at"
                passed |= Q(state=state, **{f"{clock}__lt": now - deadline.after})
    return Job.objects.filter(state__in=WAITING).annotate(since=WAITING_SINCE).filter(passed)


def _excuse(now: datetime) -> int:
    """Begin the wait for a machine anew for jobs that none could have taken."""
    return Job.objects.filter(pk__in=_held_beyond(Then.EXCUSE, now), state__in=WAITING).update(waiting_since=now)


def _silent(now: datetime) -> list[UUID]:
    return _ids(Job.objects.filter(state__in=HELD, cancel_requested_at__lt=now - CANCEL_GRACE))


def _still(now: datetime) -> QuerySet[Attempt]:
    """Attempts that may have stalled; `attempt_stalled` knows the limit of their phase."""
    shortest = timedelta(seconds=min(settings.AXONS_STALL_SECONDS.values()))
    moved_at = Coalesce("progressed_at", "started_at")
    return _living().annotate(moved_at=moved_at).filter(moved_at__lt=now - shortest)


def _old(now: datetime) -> QuerySet[Attempt]:
    """Attempts older than the shortest deadline of a held state; `_overdue_end` knows theirs."""
    shortest = min(held_deadline(state, 0)[0] for state in HELD)
    return _living().select_related("job").filter(started_at__lt=now - shortest).order_by("pk")


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
def _fail(job_id: UUID, failure_class: FailureClass) -> bool:
    """End a job that waited for too long."""
    job = job_lock(job_id)
    if State(job.state) not in WAITING:
        return False
    return job_end(job=job, state=State.FAILED, failure_class=failure_class)


def _overdue_end(attempt: Attempt, now: datetime) -> bool:
    """End an attempt that stayed in its state for too long although its runner still sends heartbeats."""
    deadline, failure_class = held_deadline(State(attempt.job.state), attempt.job.time_limit_seconds)
    age = now - attempt.started_at
    if age <= deadline:
        return False
    logger.warning("job %s attempt %s: %s for %s", attempt.job_id, attempt.number, attempt.job.state, age)
    return attempt_overdue(attempt_id=attempt.pk, state=attempt.job.state, failure_class=failure_class)
