"""How many runners a pool needs. Pure decisions over what `selectors.pool_load` read."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from axons_service.compute.models import Pool, Runner


@dataclass(frozen=True)
class Load:
    """A pool's work and the runners that are starting or active. What waits is what a runner could claim."""

    waiting_training: int = 0
    waiting_inference: int = 0
    runners: list[Runner] = field(default_factory=list)
    training: frozenset[int] = frozenset()  # ids of runners whose training slot is taken
    busy: frozenset[int] = frozenset()  # ids of runners that hold any attempt


def runners_to_start(pool: Pool, load: Load) -> int:
    """Runners to start: one for every waiting training beyond the free ones, within the pool's limits."""
    if not pool.is_active:
        return 0
    needed = len(load.training) + load.waiting_training
    if load.waiting_inference:
        needed = max(needed, 1)
    wanted = max(pool.min_runners, min(pool.max_runners, needed))
    return max(0, wanted - len(load.runners))


def runners_to_stop(pool: Pool, load: Load, now: datetime) -> list[Runner]:
    """Runners that were idle for long and are not kept warm, the longest idle first."""
    if load.waiting_training or load.waiting_inference:
        return []
    surplus = len(load.runners) - (pool.min_runners if pool.is_active else 0)
    idle_before = now - timedelta(seconds=pool.idle_seconds)
    idle = [
        runner
        for runner in load.runners
        if runner.state == Runner.State.ACTIVE
        and runner.pk not in load.busy
        and (runner.busy_at or runner.created_at) < idle_before
    ]
    return sorted(idle, key=lambda runner: runner.busy_at or runner.created_at)[: max(0, surplus)]
