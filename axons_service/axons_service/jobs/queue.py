"""Where a waiting job stands, and when it may start, from measured run times of the same kind of work."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any
from uuid import UUID

from django.db.models import F, Q
from django.utils import timezone

from axons_service.compute.models import Runner
from axons_service.jobs.models import Attempt, Job
from axons_service.jobs.states import WAITING, State

MEASURED = 200  # newest finished attempts of a pool that count
WAITING_ROWS = 2000

WorkKey = tuple[int, str, str | None]


@dataclass(frozen=True)
class Place:
    """Position 1 is next. `eta_seconds` until it starts is null while no such work was ever measured."""

    position: int | None = None
    eta_seconds: float | None = None


@dataclass(frozen=True)
class _Work:
    """A waiting or running job, as far as the estimate needs it."""

    job_id: UUID
    key: WorkKey
    is_inference: bool
    started_at: datetime | None = None


def work_key(spec_id: int, kind: str, hyperparameters: dict[str, Any]) -> WorkKey:
    """What makes two jobs take about the same time."""
    return spec_id, kind, hyperparameters.get("architecture")


def places(jobs: Iterable[Job]) -> dict[UUID, Place]:
    """The places of those jobs that wait. The number of queries depends on the number of pools alone."""
    by_pool: dict[int, list[UUID]] = defaultdict(list)
    for job in jobs:
        if State(job.state) in WAITING:
            by_pool[job.pool_id].append(job.pk)
    found: dict[UUID, Place] = {}
    for pool_id, wanted in by_pool.items():
        everyone = _pool_places(pool_id)
        found.update({pk: everyone[pk] for pk in wanted if pk in everyone})
    return found


def _pool_places(pool_id: int) -> dict[UUID, Place]:
    seconds = _measured_seconds(pool_id)
    runners = Runner.objects.filter(pool_id=pool_id, state__in=[Runner.State.STARTING, Runner.State.ACTIVE]).count()
    running = _running(pool_id)
    lines: dict[bool, list[_Work]] = {True: [], False: []}
    for work in _waiting(pool_id):
        lines[work.is_inference].append(work)
    placed: dict[UUID, Place] = {}
    for is_inference, line in lines.items():
        ahead = [_remaining(work, seconds) for work in running if work.is_inference == is_inference]
        # every runner has one slot for this line: a free one takes the next job at once
        slots = max(runners, 1)
        for position, work in enumerate(line, start=1):
            placed[work.job_id] = Place(position, _eta(ahead, slots))
            ahead.append(seconds.get(work.key))
    return placed


def _eta(ahead: list[float | None], slots: int) -> float | None:
    """Seconds until one of `slots` is free with the work ahead taken in order; null when some was never measured."""
    if len(ahead) < slots:
        return 0.0
    free_at = [0.0] * slots
    for seconds in ahead:
        if seconds is None:
            return None
        free_at.sort()
        free_at[0] += seconds
    return round(min(free_at), 1)


def _remaining(work: _Work, seconds: dict[WorkKey, float]) -> float | None:
    expected = seconds.get(work.key)
    if expected is None or work.started_at is None:
        return None
    return max(0.0, expected - (timezone.now() - work.started_at).total_seconds())


def _measured_seconds(pool_id: int) -> dict[WorkKey, float]:
    """Median run time by kind of work, in seconds."""
    done = (
        Attempt.objects.filter(job__pool_id=pool_id, outcome="succeeded")
        .order_by("-ended_at")
        .values_list("job__spec_id", "job__kind", "job__hyperparameters", "started_at", "ended_at")[:MEASURED]
    )
    times: dict[WorkKey, list[float]] = defaultdict(list)
    for spec_id, kind, hyperparameters, started_at, ended_at in done:
        if ended_at is None:
            continue
        times[work_key(spec_id, kind, hyperparameters)].append((ended_at - started_at).total_seconds())
    return {key: median(values) for key, values in times.items()}


def _waiting(pool_id: int) -> list[_Work]:
    rows = (
        Job.objects.filter(pool_id=pool_id, state__in=WAITING)
        .annotate(is_inference=Q(kind=Job.Kind.INFERENCE), had_begun=Q(attempt__gt=0))
        .order_by("-is_inference", "-had_begun", F("project__last_compute_at").asc(nulls_first=True), "created_at")
        .values_list("pk", "spec_id", "kind", "hyperparameters")[:WAITING_ROWS]
    )
    return [_Work(pk, work_key(spec, kind, hp), kind == Job.Kind.INFERENCE) for pk, spec, kind, hp in rows]


def _running(pool_id: int) -> list[_Work]:
    rows = Attempt.objects.filter(job__pool_id=pool_id, ended_at__isnull=True).values_list(
        "job_id", "job__spec_id", "job__kind", "job__hyperparameters", "started_at"
    )
    return [_Work(pk, work_key(spec, kind, hp), kind == Job.Kind.INFERENCE, at) for pk, spec, kind, hp, at in rows]
