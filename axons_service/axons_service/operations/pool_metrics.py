"""What `/metrics` says of pools: their machines, who waits, what their providers answer, and what the day costs."""

from collections.abc import Callable, Iterator
from datetime import datetime

from django.utils import timezone
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from axons_service.compute.models import ProviderFault, Runner
from axons_service.jobs.models import Job
from axons_service.operations.pool_facts import PoolFacts, pools_now

SHOWN = (Runner.State.STARTING, Runner.State.ACTIVE, Runner.State.STOPPING)


def pool_metrics() -> Iterator[Metric]:
    """Every family, with a sample for each pool, so that an alert sees 0 and not nothing."""
    now = timezone.now()
    pools = pools_now(now)
    yield from _machines(pools)
    yield from _waiting(pools, now)
    yield _faults(pools)
    yield from _costs(pools)


def _machines(pools: list[PoolFacts]) -> Iterator[Metric]:
    machines = GaugeMetricFamily("axons_pool_machines", "Machines of a pool.", labels=["pool", "state"])
    for each in pools:
        for state in SHOWN:
            machines.add_metric([each.pool.name, state], each.machines.get(state, 0))
    yield machines
    yield _gauge("axons_pool_busy_machines", "Machines that hold a job.", pools, lambda each: each.busy)
    asked = "Machines that the policy asked for."
    yield _gauge("axons_pool_desired_machines", asked, pools, lambda each: each.pool.desired_runners)
    yield _gauge("axons_pool_most_machines", "Machines that it may have.", pools, lambda each: each.pool.max_runners)
    alone = "1 while its provider wants to be left alone."
    yield _gauge("axons_pool_blocked", alone, pools, lambda each: int(each.is_blocked))


def _waiting(pools: list[PoolFacts], now: datetime) -> Iterator[Metric]:
    family = GaugeMetricFamily("axons_pool_jobs_waiting", "Jobs that no runner holds.", labels=["pool", "kind"])
    for each in pools:
        for kind in Job.Kind.values:
            family.add_metric([each.pool.name, kind], each.waiting_by_kind.get(kind, 0))
    yield family
    text = "How long its oldest waiting job waits; 0 when none does."
    yield _gauge(
        "axons_pool_wait_seconds", text, pools, lambda each: max(0.0, (now - (each.oldest or now)).total_seconds())
    )


def _faults(pools: list[PoolFacts]) -> Metric:
    rows = ProviderFault.objects.values_list("pool", "kind", "count")
    counts = {(pool, kind): count for pool, kind, count in rows}
    text = "What providers did not do, by the kind of error."
    family = CounterMetricFamily("axons_provider_errors", text, labels=["pool", "kind"])
    for each in pools:
        for kind in ProviderFault.Kind.values:
            family.add_metric([each.pool.name, kind], counts.get((each.pool.pk, kind), 0))
    return family


def _costs(pools: list[PoolFacts]) -> Iterator[Metric]:
    cost = GaugeMetricFamily("axons_pool_cost_today", "Money for machines since 0:00 UTC.", labels=["pool", "currency"])
    budget = GaugeMetricFamily("axons_pool_budget_per_day", "What the day may cost.", labels=["pool", "currency"])
    for each in pools:
        pool = each.pool
        for currency in sorted({pool.currency, *each.paid}):
            cost.add_metric([pool.name, currency], float(each.paid.get(currency, 0)))
        if pool.budget_per_day is not None:
            budget.add_metric([pool.name, pool.currency], float(pool.budget_per_day))
    yield cost
    yield budget
    text = "Minutes of machines since 0:00 UTC that are paid for."
    yield _gauge("axons_pool_machine_minutes_today", text, pools, lambda each: each.minutes)


def _gauge(name: str, text: str, pools: list[PoolFacts], value: Callable[[PoolFacts], float]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=["pool"])
    for each in pools:
        family.add_metric([each.pool.name], value(each))
    return family
