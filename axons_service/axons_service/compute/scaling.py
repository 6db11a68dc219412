"""What `policy` decides about a pool: its rows as facts. The facts were read by `selectors.pool_load`."""

from dataclasses import dataclass, field
from datetime import datetime

from django.utils import timezone

from axons_service.compute.models import Pool, Runner
from axons_service.compute.policy import Decision, Facts, Machine, Measures, Rules, decide
from axons_service.compute.windows import windows_parse


@dataclass(frozen=True)
class Load:
    """A pool's work and the runners that are starting or active. What waits is what a runner could claim."""

    waiting_training: int = 0
    waiting_inference: int = 0
    runners: list[Runner] = field(default_factory=list)
    training: frozenset[int] = frozenset()  # ids of runners whose training slot is taken
    busy: frozenset[int] = frozenset()  # ids of runners that hold any attempt
    waiting_evaluation: int = 0  # of `waiting_training`
    measures: Measures = field(default_factory=Measures)
    billed_from: dict[str, datetime] = field(default_factory=dict)  # by the runner's name, where the unit is long


def runners_to_start(pool: Pool, load: Load) -> int:
    """Runners to start, within the pool's limits."""
    return pool_decision(pool, load, timezone.now()).start


def runners_to_stop(pool: Pool, load: Load, now: datetime) -> list[Runner]:
    """Runners that are not needed any more, the longest idle first."""
    by_id = {runner.pk: runner for runner in load.runners}
    return [by_id[pk] for pk in pool_decision(pool, load, now).stop]


def pool_decision(pool: Pool, load: Load, now: datetime) -> Decision:
    """How many runners the pool should have, and why."""
    facts = Facts(
        now=now,
        rules=pool_rules(pool),
        measures=load.measures,
        waiting=load.waiting_training,
        pictures=load.waiting_inference,
        exempt=load.waiting_evaluation,
        machines=tuple(_machine(runner, load, now) for runner in load.runners),
        is_blocked=pool.is_blocked(now),
    )
    return decide(facts)


def pool_rules(pool: Pool) -> Rules:
    """What the operator set for a pool."""
    return Rules(
        least=pool.min_runners,
        most=pool.max_runners,
        is_active=pool.is_active,
        windows=windows_parse(pool.warm_windows),
        spare=pool.spare_runners,
        target_wait=pool.target_wait_seconds,
        idle=pool.idle_seconds,
        cool_down=pool.cool_down_seconds,
        billing_unit=pool.billing_unit_seconds,
        budget=float(pool.budget_per_day) if pool.budget_per_day is not None else None,
    )


def _machine(runner: Runner, load: Load, now: datetime) -> Machine:
    created = runner.created_at or now
    billed_from = load.billed_from.get(runner.name)
    is_busy = runner.pk in load.busy or runner.pk in load.training
    return Machine(
        id=runner.pk,
        is_starting=runner.state == Runner.State.STARTING,
        age=(now - created).total_seconds(),
        idle=None if is_busy else (now - (runner.busy_at or created)).total_seconds(),
        trains=runner.pk in load.training,
        billed=(now - billed_from).total_seconds() if billed_from is not None else None,
    )
