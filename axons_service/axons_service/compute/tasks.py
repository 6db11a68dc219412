"""Celery's part of compute."""

from celery import shared_task

from axons_service.compute.models import Pool
from axons_service.compute.services import pool_scale_alone

EVERY_SECONDS = 10  # as beat's schedule says


@shared_task  # type: ignore[untyped-decorator]
def scale_pools() -> None:
    """Beat: a task for each pool, so that none waits for another one's provider. What was not begun before the next
    turn is forgotten."""
    for pool_id in Pool.objects.values_list("pk", flat=True):
        scale_pool.apply_async(args=(pool_id,), expires=EVERY_SECONDS)


@shared_task  # type: ignore[untyped-decorator]
def scale_pool(pool_id: int) -> None:
    """See which runners died, keep the warm ones warm, stop the idle; what the pool has no machine for goes on
    elsewhere."""
    from axons_service.jobs.services.reroute import jobs_reroute

    pool_scale_alone(pool_id=pool_id)
    jobs_reroute(pool=Pool.objects.get(pk=pool_id))
