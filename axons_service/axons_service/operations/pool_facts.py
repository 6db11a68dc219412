"""Every pool at one moment: its machines, who waits, and the day's cost; for `/metrics` and for the operators' page.

The number of queries does not depend on how many pools, machines and jobs there are.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from django.db.models import Count, Min

from axons_service.compute.costs import paid_in, seconds_in, today, uses_in
from axons_service.compute.models import Pool, Runner
from axons_service.jobs.models import Attempt, Job
from axons_service.jobs.services.reconcile import WAITING_SINCE
from axons_service.jobs.states import WAITING


@dataclass
class PoolFacts:
    """A pool now. `paid` is money by currency and `minutes` are machine minutes, both of the UTC day."""

    pool: Pool
    is_blocked: bool
    machines: dict[str, int] = field(default_factory=dict)
    busy: int = 0
    waiting_by_kind: dict[str, int] = field(default_factory=dict)
    oldest: datetime | None = None
    paid: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    minutes: float = 0.0

    @property
    def waiting(self) -> int:
        """Jobs that no runner holds."""
        return sum(self.waiting_by_kind.values())

    @property
    def cost(self) -> Decimal:
        """What the day cost so far in the pool's currency."""
        return self.paid.get(self.pool.currency, Decimal(0))


def pools_now(now: datetime) -> list[PoolFacts]:
    """Every pool, by name, in five queries."""
    facts = {pool.pk: PoolFacts(pool, pool.is_blocked(now)) for pool in Pool.objects.order_by("name")}
    living = Runner.objects.exclude(state=Runner.State.GONE).order_by()
    for pk, state, count in living.values_list("pool", "state").annotate(count=Count("pk")):
        facts[pk].machines[state] = count
    held = Attempt.objects.filter(ended_at__isnull=True, runner__isnull=False).order_by()
    for pk, count in held.values_list("runner__pool").annotate(count=Count("runner", distinct=True)):
        facts[pk].busy = count
    waiting = Job.objects.filter(state__in=WAITING).annotate(since=WAITING_SINCE).order_by()
    for pk, kind, count, since in waiting.values_list("pool", "kind").annotate(count=Count("pk"), oldest=Min("since")):
        each = facts[pk]
        each.waiting_by_kind[kind] = count
        each.oldest = since if each.oldest is None else min(since, each.oldest)
    day = today(now)
    for use in uses_in(day):
        each = facts[use.pool_id]
        unit = each.pool.billing_unit_seconds
        each.paid[use.currency] += paid_in(use, unit=unit, period=day, now=now)
        each.minutes += seconds_in(use, unit=unit, period=day, now=now) / 60
    return list(facts.values())
