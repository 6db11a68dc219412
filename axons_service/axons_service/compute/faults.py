"""How often each provider did not do what it was asked, by the kind of its error: counted for the metrics."""

from django.db.models import F

from axons_service.compute.models import ProviderFault
from axons_service.compute.providers.base import NoCapacity, ProviderError, Rejected


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
