"""Reads of pools and runners."""

from django.db.models import Count, Q

from axons_service.compute.measures import load_measured
from axons_service.compute.models import Pool, Runner
from axons_service.compute.scaling import Load
from axons_service.jobs.models import Attempt, Job


def pool_load(pool: Pool) -> Load:
    """What waits in a pool, and who works."""
    waiting = Job.objects.filter(pool=pool, state__in=[Job.State.QUEUED, Job.State.DISPATCHED]).aggregate(
        training=Count("pk", filter=~Q(kind=Job.Kind.INFERENCE)),
        inference=Count("pk", filter=Q(kind=Job.Kind.INFERENCE)),
    )
    living = Attempt.objects.filter(job__pool=pool, ended_at__isnull=True, runner__isnull=False)
    held = list(living.values_list("runner_id", "job__kind"))
    runners = pool.runners.filter(state__in=[Runner.State.STARTING, Runner.State.ACTIVE])
    load = Load(
        waiting_training=waiting["training"],
        waiting_inference=waiting["inference"],
        runners=list(runners.order_by("created_at")),
        training=frozenset(runner for runner, kind in held if kind != Job.Kind.INFERENCE and runner is not None),
        busy=frozenset(runner for runner, _ in held if runner is not None),
    )
    return load_measured(pool, load)
