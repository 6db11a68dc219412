"""What the operators' page shows. The number of queries does not depend on how much there is to show."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce
from kombu.exceptions import OperationalError

from axons_service.compute.models import Runner
from axons_service.compute.providers import provider_of
from axons_service.grading.dead_grades import dead_grades
from axons_service.jobs.models import Attempt, Job
from axons_service.jobs.services.reconcile import WAITING_SINCE
from axons_service.jobs.states import HELD, WAITING
from axons_service.operations.dead_letters import DeadLetter, NoDeadLetters, dead_letters, queue_depths

SHOWN = 50  # rows of each table; the rest is counted
WAITS_LONG = timedelta(minutes=10)
STANDS_STILL = timedelta(minutes=3)


@dataclass(frozen=True)
class MachineLine:
    """A runner that is not gone, and the job that its training slot or inference slot holds."""

    runner: Runner
    job: UUID | None
    can_stop: bool


@dataclass(frozen=True)
class StuckJob:
    """A job that does not get on, since when, and why it is here."""

    job: Job
    since: datetime
    why: str


@dataclass(frozen=True)
class Table:
    """The first rows of something, and how many more there are."""

    rows: list[Any]
    left_out: int = 0


def machines_now() -> Table:
    """Runners that are not gone, those that were seen last first."""
    living = Runner.objects.exclude(state=Runner.State.GONE).select_related("pool")
    runners = list(living.order_by(F("last_seen_at").desc(nulls_first=True), "pk")[:SHOWN])
    holds: dict[int, UUID] = {}
    held = Attempt.objects.filter(ended_at__isnull=True, runner__in=[runner.pk for runner in runners])
    for runner_id, job_id in held.order_by("-pk").values_list("runner", "job"):
        if runner_id is not None:
            holds[runner_id] = job_id
    stoppable = (Runner.State.STARTING, Runner.State.ACTIVE)
    rows = [
        MachineLine(each, holds.get(each.pk), each.state in stoppable and provider_of(each.pool).starts_runners)
        for each in runners
    ]
    return Table(rows, living.count() - len(rows))


def jobs_stuck(now: datetime) -> Table:
    """Jobs that wait long, and those whose work does not get on, the longest first."""
    waiting = _waiting().filter(since__lt=now - WAITS_LONG)
    still = Q(attempts__ended_at__isnull=True)
    held = Job.objects.filter(still, state__in=HELD).annotate(
        since=Coalesce("attempts__progressed_at", "attempts__started_at")
    )
    held = held.filter(since__lt=now - STANDS_STILL)
    rows = [_stuck(job) for jobs in (waiting, held) for job in jobs.select_related("pool").order_by("since")[:SHOWN]]
    rows.sort(key=lambda row: row.since)
    return Table(rows[:SHOWN], waiting.count() + held.count() - len(rows[:SHOWN]))


def queues_now() -> dict[str, int] | None:
    """Control tasks that wait, by queue; None while the broker does not answer."""
    try:
        return queue_depths()
    except (OperationalError, OSError):
        return None


def grades_dead() -> Table:
    """Grades that the LMS refused, the oldest first."""
    dead = dead_grades()
    rows = list(dead[:SHOWN])
    return Table(rows, dead.count() - len(rows))


def tasks_dead() -> tuple[list[DeadLetter], str]:
    """Tasks that no worker could finish, and the sentence when they cannot be told."""
    try:
        return dead_letters(), ""
    except NoDeadLetters:
        return [], "This broker keeps no dead letters; the reconciler repeats what was lost."
    except (OperationalError, OSError):
        return [], "The broker does not answer."


def _waiting() -> QuerySet[Any]:
    return Job.objects.filter(state__in=WAITING).annotate(since=WAITING_SINCE)


def _stuck(job: Any) -> StuckJob:
    if job.cancel_requested:
        why = "It was asked to stop and did not yet."
    elif job.state in WAITING:
        why = job.pool.scaling_reason or "It waits for a machine."
    else:
        why = "Its runner lives, its work does not get on."
    return StuckJob(job, job.since, why)
