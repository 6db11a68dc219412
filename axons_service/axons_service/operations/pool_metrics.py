"""What `/metrics` says of pools: their machines, who waits, what their providers answer, and what the day costs.

The number of queries does not depend on how many pools, machines and jobs there are.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from django.db.models import Count, Min
from django.db.models.functions import Coalesce
from django.utils import timezone
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from axons_service.compute.costs import paid_in, seconds_in, today, uses_in
from axons_service.compute.models import Pool, ProviderFault, Runner
from axons_service.jobs.models import Attempt, Job
from axons_service.jobs.states import WAITING

SHOWN = (Runner.State.STARTING, Runner.State.ACTIVE, Runner.State.STOPPING)


def pool_metrics() -> Iterator[Metric]:
    """Every family, with a sample for each pool, so that an alert sees 0 and not nothing."""
    now = timezone.now()
    pools = list(Pool.objects.order_by("name"))
    yield from _machines(pools, now)
    yield from _waiting(pools, now)
    yield _faults(pools)
    yield from _costs(pools, now)


def _machines(pools: list[Pool], now: datetime) -> Iterator[Metric]:
    rows = Runner.objects.exclude(state=Runner.State.GONE).order_by().values_list("pool", "state")
    counts = {(pool, state): count for pool, state, count in rows.annotate(count=Count("pk"))}
    living = Attempt.objects.filter(ended_at__isnull=True, runner__isnull=False).order_by()
    busy = dict(living.values_list("runner__pool").annotate(count=Count("runner", distinct=True)))
    machines = GaugeMetricFamily("axons_pool_machines", "Machines of a pool.", labels=["pool", "state"])
    for pool in pools:
        for state in SHOWN:
            machines.add_metric([pool.name, state], counts.get((pool.pk, state), 0))
    yield machines
    yield _gauge(
        "axons_pool_busy_machines", "Machines that hold a job.", {each.name: busy.get(each.pk, 0) for each in pools}
    )
    desired = {pool.name: pool.desired_runners for pool in pools}
    yield _gauge("axons_pool_desired_machines", "Machines that the policy asked for.", desired)
    yield _gauge(
        "axons_pool_most_machines", "Machines that it may have.", {each.name: each.max_runners for each in pools}
    )
    blocked = {pool.name: int(pool.is_blocked(now)) for pool in pools}
    yield _gauge("axons_pool_blocked", "1 while its provider wants to be left alone.", blocked)


def _waiting(pools: list[Pool], now: datetime) -> Iterator[Metric]:
    waiting = Job.objects.filter(state__in=WAITING).annotate(since=Coalesce("waiting_since", "created_at"))
    rows = waiting.order_by().values_list("pool", "kind").annotate(count=Count("pk"), oldest=Min("since"))
    counts: dict[tuple[int, str], int] = {}
    oldest: dict[int, datetime] = {}
    for pool_id, kind, count, since in rows:
        counts[pool_id, kind] = count
        oldest[pool_id] = min(since, oldest.get(pool_id, since))
    family = GaugeMetricFamily("axons_pool_jobs_waiting", "Jobs that no runner holds.", labels=["pool", "kind"])
    for pool in pools:
        for kind in Job.Kind.values:
            family.add_metric([pool.name, kind], counts.get((pool.pk, kind), 0))
    yield family
    waits = {pool.name: max(0.0, (now - oldest.get(pool.pk, now)).total_seconds()) for pool in pools}
    yield _gauge("axons_pool_wait_seconds", "How long its oldest waiting job waits; 0 when none does.", waits)


def _faults(pools: list[Pool]) -> Metric:
    rows = ProviderFault.objects.values_list("pool", "kind", "count")
    counts = {(pool, kind): count for pool, kind, count in rows}
    text = "What providers did not do, by the kind of error."
    family = CounterMetricFamily("axons_provider_errors", text, labels=["pool", "kind"])
    for pool in pools:
        for kind in ProviderFault.Kind.values:
            family.add_metric([pool.name, kind], counts.get((pool.pk, kind), 0))
    return family


def _costs(pools: list[Pool], now: datetime) -> Iterator[Metric]:
    day = today(now)
    units = {pool.pk: pool.billing_unit_seconds for pool in pools}
    paid: dict[tuple[int, str], Decimal] = defaultdict(Decimal)
    minutes: dict[int, float] = defaultdict(float)
    for use in uses_in(day):
        unit = units.get(use.pool_id, 1)
        paid[use.pool_id, use.currency] += paid_in(use, unit=unit, period=day, now=now)
        minutes[use.pool_id] += seconds_in(use, unit=unit, period=day, now=now) / 60
    cost = GaugeMetricFamily("axons_pool_cost_today", "Money for machines since 0:00 UTC.", labels=["pool", "currency"])
    budget = GaugeMetricFamily("axons_pool_budget_per_day", "What the day may cost.", labels=["pool", "currency"])
    for pool in pools:
        for currency in sorted({pool.currency, *(name for pk, name in paid if pk == pool.pk)}):
            cost.add_metric([pool.name, currency], float(paid[pool.pk, currency]))
        if pool.budget_per_day is not None:
            budget.add_metric([pool.name, pool.currency], float(pool.budget_per_day))
    yield cost
    yield budget
    text = "Minutes of machines since 0:00 UTC that are paid for."
    yield _gauge("axons_pool_machine_minutes_today", text, {each.name: minutes[each.pk] for each in pools})


def _gauge(name: str, text: str, values: dict[str, float] | dict[str, int]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=["pool"])
    for pool, value in values.items():
        family.add_metric([pool], value)
    return family
