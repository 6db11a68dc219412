"""One round at a time looks after a pool, so that a provider that is slow holds one worker and no other pool.

A round is `fleet.pool_scale`. That two never run at once is courtesy, not safety: what they decide is decided under the
pool's row lock, and each machine is asked for by one call.
"""

from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from axons_service.compute.fleet import pool_scale
from axons_service.compute.models import Pool
from axons_service.compute.providers import provider_of
from axons_service.compute.scaling import runners_to_start
from axons_service.compute.selectors import pool_load

ROUND_PATIENCE = timedelta(minutes=1)  # after that whoever began a round is taken for dead
ROUNDS = 3  # what still comes then is for beat


def pool_scale_alone(*, pool_id: int) -> bool:
    """A round, unless one is under way. Whether there was one; another follows when work came meanwhile."""
    for turn in range(ROUNDS):
        if turn and not Pool.objects.filter(pk=pool_id, is_scaling_wanted=True).exists():
            return True
        if not _begin(pool_id):
            return turn > 0
        try:
            pool_scale(pool_id=pool_id)
        finally:
            Pool.objects.filter(pk=pool_id).update(scaling_since=None)
    return True


def pool_scale_for_work(*, pool_id: int) -> None:
    """Scale a pool that just got work, unless its runners are enough: then nothing is locked and nobody polled."""
    pool = Pool.objects.get(pk=pool_id)
    if (
        provider_of(pool).starts_runners
        and not pool.is_blocked(timezone.now())
        and runners_to_start(pool, pool_load(pool))
    ):
        Pool.objects.filter(pk=pool_id).update(is_scaling_wanted=True)  # before: a round that ends now sees it
        pool_scale_alone(pool_id=pool_id)


def _begin(pool_id: int) -> bool:
    """Take the pool, by compare-and-swap; what was wanted so far is what this round does."""
    now = timezone.now()
    free = Q(scaling_since__isnull=True) | Q(scaling_since__lt=now - ROUND_PATIENCE)
    return Pool.objects.filter(free, pk=pool_id).update(scaling_since=now, is_scaling_wanted=False) == 1
