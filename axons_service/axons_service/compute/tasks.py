"""Celery's part of compute."""

import logging

from celery import shared_task

from axons_service.compute.models import Pool
from axons_service.compute.services import pool_scale

logger = logging.getLogger(__name__)


@shared_task  # type: ignore[untyped-decorator]
def scale_pools() -> None:
    """Beat: see which runners died, keep the warm ones warm, stop the idle; what a pool has no
    machine for goes on elsewhere. One bad pool does not stop the others."""
    from axons_service.jobs.services.reroute import jobs_reroute

    for pool_id in Pool.objects.values_list("pk", flat=True):
        try:
            pool_scale(pool_id=pool_id)
            jobs_reroute(pool=Pool.objects.get(pk=pool_id))
        except Exception:
            logger.exception("pool %s could not be scaled", pool_id)
