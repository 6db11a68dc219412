"""What was decided about a pool, kept where operators and claims look for it."""

import logging

from django.utils import timezone

from axons_service.compute.budgets import utc_day
from axons_service.compute.models import Pool
from axons_service.compute.scaling import Load, pool_decision

logger = logging.getLogger(__name__)


def decision_keep(*, pool: Pool, load: Load) -> None:
    """Write down how many runners the pool should have and why, and whether its day's budget is used up.

    While it is, no training begins (`jobs.services.claims`). An operator who raises the budget opens the pool again
    with the next tick. Nothing is written when nothing changed.
    """
    now = timezone.now()
    decision = pool_decision(pool, load, now)
    is_spent = pool.budget_per_day is not None and load.measures.spent >= pool.budget_per_day
    spent_on = utc_day(now) if is_spent else None
    if is_spent and pool.budget_spent_on != spent_on:
        logger.warning("pool %s: its budget of %s %s a day is used up", pool.name, pool.budget_per_day, pool.currency)
    kept = (pool.desired_runners, pool.scaling_reason, pool.budget_spent_on)
    if (decision.desired, decision.reason, spent_on) != kept:
        Pool.objects.filter(pk=pool.pk).update(
            desired_runners=decision.desired, scaling_reason=decision.reason, budget_spent_on=spent_on
        )
