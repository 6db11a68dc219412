"""Reads of pools and runners."""

from axons_service.compute.measures import load_measured
from axons_service.compute.models import Pool, Runner
from axons_service.compute.scaling import Load
from axons_service.jobs.allowance import claimable_count
from axons_service.jobs.models import Attempt, Job


def pool_load(pool: Pool) -> Load:
    """What a pool could work at, and who works. What waits for a course's limit or a budget needs no machine."""
    waiting = claimable_count(pool)
    inference = waiting.pop(Job.Kind.INFERENCE, 0)
    living = Attempt.objects.filter(job__pool=pool, ended_at__isnull=True, runner__isnull=False)
    held = list(living.values_list("runner_id", "job__kind"))
    runners = pool.runners.filter(state__in=[Runner.State.STARTING, Runner.State.ACTIVE])
    load = Load(
        waiting_training=sum(waiting.values()),
        waiting_inference=inference,
        runners=list(runners.order_by("created_at")),
        training=frozenset(runner for runner, kind in held if kind != Job.Kind.INFERENCE and runner is not None),
        busy=frozenset(runner for runner, _ in held if runner is not None),
    )
    return load_measured(pool, load)
