"""Where a waiting job stands, when it may start and with what spread, and what it waits for."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import isfinite
from uuid import UUID

from django.utils import timezone

from axons_service.compute.budgets import budget_used_up, pool_is_spent
from axons_service.compute.models import CourseLimits
from axons_service.jobs.forecast import Forecast, forecast
from axons_service.jobs.models import Job
from axons_service.jobs.states import WAITING, State


@dataclass(frozen=True)
class Reason:
    """What a job waits for, or why nobody can say when it starts. `message` is a sentence for the person."""

    code: str
    message: str
    limit: int | None = None
    running: int | None = None


@dataclass(frozen=True)
class Place:
    """Position 1 is next. Seconds until it starts: median, p5 and p95; null when nobody can say, see `reason`.

    `measurements` is the smallest number of measured run times behind it, and `measured_on` what they were of: the
    same `spec`, the same `kind` and architecture, or the same kind in the `pool`. Null: a slot is free already.
    """

    position: int | None = None
    eta_seconds: float | None = None
    eta_low_seconds: float | None = None
    eta_high_seconds: float | None = None
    measurements: int = 0
    measured_on: str | None = None
    reason: Reason | None = None


def places(jobs: Iterable[Job]) -> dict[UUID, Place]:
    """The places of those jobs that wait. The number of queries depends on the pools and lines alone.

    Budgets are looked up once per project, and only where the course or the spec has one.
    """
    by_line: dict[tuple[int, bool], list[Job]] = defaultdict(list)
    for job in jobs:
        if State(job.state) in WAITING:
            by_line[job.pool_id, job.kind == Job.Kind.INFERENCE].append(job)
    found: dict[UUID, Place] = {}
    budgets: dict[tuple[UUID, int], Reason | None] = {}
    for (pool_id, is_inference), wanted in by_line.items():
        line = forecast(pool_id, wanted, is_inference=is_inference)
        found.update({job.pk: _place(job, line, budgets) for job in wanted})
    return found


def _place(job: Job, line: Forecast, budgets: dict[tuple[UUID, int], Reason | None]) -> Place:
    position = line.position(job)
    estimate = line.estimate(position)
    limits = line.limits(job)
    place = Place(position)
    if job.kind == Job.Kind.TRAINING and job.attempt == 0:
        reason = _budget_reason(job, limits, budgets)
        if reason is not None:
            return replace(place, reason=reason)
        if pool_is_spent(line.pool, timezone.now()):
            return replace(place, reason=POOL_BUDGET)
    if not line.slots:
        if line.pool.blocked_until is None or not line.pool.is_blocked(timezone.now()):
            return replace(place, reason=NO_RUNNER)
        eta = line.next_machine(line.pool.blocked_until)
        return replace(place, reason=NO_MACHINE, eta_seconds=eta, eta_low_seconds=eta)
    if job.kind == Job.Kind.TRAINING and limits is not None and limits.max_running is not None:
        place = replace(place, reason=_limit_reason(limits.max_running, line.running(limits)))
    if not isfinite(estimate.middle):
        return place if place.reason is not None else replace(place, reason=NOT_MEASURED)
    measured = line.measured(position) if estimate.middle > 0 else None
    return replace(
        place,
        eta_seconds=round(estimate.middle, 1),
        eta_low_seconds=round(estimate.low, 1),
        eta_high_seconds=round(estimate.high, 1) if isfinite(estimate.high) else None,
        measurements=len(measured.seconds) if measured is not None else 0,
        measured_on=measured.basis if measured is not None else None,
    )


NO_RUNNER = Reason("no_runner", "No machine is connected that could take this job. It starts when one is.")
NO_MACHINE = Reason(
    "no_machine", "Waiting for a GPU: the provider has none free. It is asked again and again until it has one."
)
POOL_BUDGET = Reason(
    "pool_budget", "The budget of these machines for today is used up. Your training begins after midnight (UTC)."
)
NOT_MEASURED = Reason("not_measured", "Nobody can say yet when it starts: work like this was never measured here.")


def _limit_reason(limit: int, running: int) -> Reason | None:
    if running < limit:
        return None
    jobs = "1 job" if limit == 1 else f"{limit} jobs"
    verb = "is" if running == 1 else "are"
    return Reason("course_limit", f"Your course may run {jobs} at once; {running} {verb} running.", limit, running)


def _budget_reason(
    job: Job, limits: CourseLimits | None, budgets: dict[tuple[UUID, int], Reason | None]
) -> Reason | None:
    has_limit = limits is not None and (limits.course_minutes is not None or limits.learner_minutes is not None)
    if not has_limit and job.spec.body.get("compute_minutes_per_learner") is None:
        return None
    key = (job.project_id, job.spec_id)
    if key not in budgets:
        budget = budget_used_up(job.project, job.spec.body)
        budgets[key] = Reason("budget_used_up", budget.message) if budget is not None else None
    return budgets[key]
