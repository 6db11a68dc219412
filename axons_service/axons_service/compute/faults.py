"""What a provider did not do: counted by kind for the metrics, told to operators, and how long it is left alone."""

import logging
from datetime import timedelta

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from axons_service.compute.models import Pool, ProviderFault
from axons_service.compute.providers.base import NoCapacity, ProviderError, Rejected

NO_CAPACITY_PAUSE = timedelta(seconds=60)
REJECTED_PAUSE = timedelta(minutes=5)

logger = logging.getLogger(__name__)


def fault_kind(error: Exception) -> str:
    """`no_capacity`, `rejected`, `unreachable` for what providers raise; `defect` for anything else, which is ours."""
    match error:
        case NoCapacity():
            return ProviderFault.Kind.NO_CAPACITY
        case Rejected():
            return ProviderFault.Kind.REJECTED
        case ProviderError():
            return ProviderFault.Kind.UNREACHABLE
    return ProviderFault.Kind.DEFECT


def provider_fault_count(*, pool_id: int, error: Exception) -> None:
    """Add one. The row counts for every process of every host, and outlives them."""
    fault, _ = ProviderFault.objects.get_or_create(pool_id=pool_id, kind=fault_kind(error))
    ProviderFault.objects.filter(pk=fault.pk).update(count=F("count") + 1)


def provider_trouble_keep(*, pool_id: int, error: ProviderError) -> None:
    """Remember what the provider said, and for how long no machine is asked for.

    One that named a time is asked for nothing at all until then. An earlier pause that is longer stands.
    """
    quiet = timedelta(seconds=error.retry_after or 0)
    pause = max(quiet, {NoCapacity: NO_CAPACITY_PAUSE, Rejected: REJECTED_PAUSE}.get(type(error), timedelta(0)))
    logger.warning("pool %s: %s", pool_id, error)
    provider_fault_count(pool_id=pool_id, error=error)
    now = timezone.now()
    with transaction.atomic():
        pool = Pool.objects.select_for_update(no_key=True).get(pk=pool_id)
        pool.provider_error = str(error)[:500]
        pool.blocked_until = max(pool.blocked_until or now, now + pause) if pause else pool.blocked_until
        pool.quiet_until = max(pool.quiet_until or now, now + quiet) if quiet else pool.quiet_until
        pool.save(update_fields=["provider_error", "blocked_until", "quiet_until"])
