"""Jobs whose pool has no machine to give go on in the next pool of their author's list, or of the operator's."""

import logging
from collections.abc import Sequence
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Q
from django.utils import timezone

from axons_service.compute.models import Pool, Runner
from axons_service.compute.policy import Place, next_pool
from axons_service.jobs import waiting
from axons_service.jobs.models import Job
from axons_service.jobs.services.moves import job_lock
from axons_service.jobs.services.turns import turn_of, turn_wait
from axons_service.jobs.states import WAITING, State

BATCH = 500

logger = logging.getLogger(__name__)


def jobs_reroute(*, pool: Pool) -> int:
    """Move what waits in a pool that is blocked and has no free machine; how many jobs were moved.

    A job that lost its machine goes on elsewhere from its checkpoint; it stays before those that never began.
    """
    if not pool.is_blocked(timezone.now()) or _free(pool):
        return 0
    listed = Job.objects.filter(pool=pool, state__in=WAITING, cancel_requested=False)
    own = list(pool.options.get("fallback_pools") or [])  # the operator's list, where the author has none
    if not own:
        listed = listed.filter(spec__body__has_key="fallback_pools")
    listed = listed.order_by("created_at")
    targets: dict[tuple[str, ...], Pool | None] = {}
    moved: set[int] = set()
    count = 0
    for pk, names in list(listed.values_list("pk", "spec__body__fallback_pools")[:BATCH]):
        wanted = tuple(names or own)
        if wanted not in targets:
            targets[wanted] = _target(pool, wanted)
        target = targets[wanted]
        if target is not None and _move(pk, pool, target):
            moved.add(target.pk)
            count += 1
    if count:
        from axons_service.compute.services import pool_scale_for_work

        logger.warning("pool %s has no machine: %s jobs wait in another pool of their list", pool.name, count)
        for pool_id in moved:
            pool_scale_for_work(pool_id=pool_id)
    return count


def _target(pool: Pool, names: Sequence[str]) -> Pool | None:
    now = timezone.now()
    known = {each.name: each for each in Pool.objects.filter(name__in=names)}
    places = [
        Place(name, each.is_active, each.is_blocked(now), _free(each))
        for name in names
        if (each := known.get(name)) is not None
    ]
    chosen = next_pool(pool.name, places)
    return known[chosen] if chosen is not None else None


def _free(pool: Pool) -> int:
    """Runners of a pool that hold no job."""
    active = pool.runners.filter(state=Runner.State.ACTIVE)
    held = active.annotate(held=Count("attempts", filter=Q(attempts__ended_at__isnull=True)))
    return held.filter(held=0).count()


@transaction.atomic
def _move(job_id: UUID, source: Pool, target: Pool) -> bool:
    """Compare-and-swap under the job's lock: a job that was claimed meanwhile stays where it is."""
    job = job_lock(job_id)
    if State(job.state) not in WAITING or job.pool_id != source.pk:
        return False
    turn = turn_of(project=job.project, pool_id=target.pk, kind=job.kind)
    if not Job.objects.filter(pk=job.pk, attempt=job.attempt, state=job.state).update(pool=target, turn=turn):
        return False
    if job.state == State.DISPATCHED:
        turn_wait(turn=turn, since=job.created_at)
        waiting.claimers_notify(target.pk)
    logger.info("job %s waits in pool %s now instead of %s", job.pk, target.name, source.name)
    return True
