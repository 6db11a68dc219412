"""What `policy` wants to know beside the queue, read only where it can change a decision."""

from dataclasses import replace
from datetime import timedelta
from statistics import median

from django.db.models import Count
from django.utils import timezone

from axons_service.compute.costs import pool_spent
from axons_service.compute.models import Pool
from axons_service.compute.policy import UNIT_END, Demand, Measures, claimable
from axons_service.compute.scaling import Load
from axons_service.jobs.course_room import site_caps, site_trainings
from axons_service.jobs.measurements import JOB_KINDS, run_times, start_times
from axons_service.jobs.models import Job
from axons_service.jobs.states import WAITING

LATELY = timedelta(minutes=5)


def load_measured(pool: Pool, load: Load) -> Load:
    """The load with the caps of sites applied, and what was measured.

    No query more for a pool whose free runners are enough, that has all the runners it may have, and that has neither
    a budget nor a long billing unit.
    """
    capped = _capped(pool, load) if load.waiting_training else 0
    free = sum(runner.pk not in load.training for runner in load.runners)
    spent = pool_spent(pool, timezone.now()) if pool.budget_per_day is not None else 0.0
    measures = Measures(spent=spent)
    if free < capped and len(load.runners) < pool.max_runners:
        measures = replace(measures, run=run_mean(pool), start=start_median(pool), rate=arrivals(pool))
    exempt = 0
    if pool.budget_per_day is not None and spent >= pool.budget_per_day:
        exempt = Job.objects.filter(pool=pool, state__in=WAITING, kind=Job.Kind.EVALUATION).count()
    billed = {}
    if pool.billing_unit_seconds > UNIT_END and load.runners:
        opened = pool.uses.filter(is_closed=False, billed_from__isnull=False)
        billed = {name: since for name, since in opened.values_list("runner_name", "billed_from") if since is not None}
    return replace(load, waiting_training=capped, waiting_evaluation=exempt, measures=measures, billed_from=billed)


def run_mean(pool: Pool) -> float | None:
    """Mean seconds of what the training slot took lately: trainings and evaluations as they came; null without any."""
    return run_times(pool.pk, JOB_KINDS[False]).mean(JOB_KINDS[False])


def arrivals(pool: Pool) -> float:
    """Trainings and evaluations that were ordered in the last minutes, a second."""
    since = timezone.now() - LATELY
    came = Job.objects.filter(state__in=Job.State.values, created_at__gte=since)  # its index begins with the state
    return came.filter(pool=pool).exclude(kind=Job.Kind.INFERENCE).count() / LATELY.total_seconds()


def start_median(pool: Pool) -> float | None:
    """Median seconds from the order of a machine to its first claim; null when none was measured."""
    measured = start_times(pool)
    return median(measured.seconds) if measured is not None else None


def _capped(pool: Pool, load: Load) -> int:
    """Of the waiting trainings, those that the caps of their sites let run; no more than `load` has."""
    caps = site_caps()
    if not caps:
        return load.waiting_training
    waiting = Job.objects.filter(pool=pool, state__in=WAITING, cancel_requested=False).exclude(kind=Job.Kind.INFERENCE)
    own = waiting.filter(kind=Job.Kind.TRAINING, project__exercise__site__in=caps).order_by()
    running = site_trainings(caps)
    demands = [
        Demand(site=site, waiting=count, site_running=running.get(site, 0), site_most=caps[site])
        for site, count in own.values_list("project__exercise__site").annotate(Count("pk"))
    ]
    over = sum(demand.waiting for demand in demands) - claimable(demands)
    return min(load.waiting_training, waiting.count() - over)
