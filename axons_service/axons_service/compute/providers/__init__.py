"""Providers start and stop the runners of a pool. One port, several backends."""

from axons_service.compute.models import Pool
from axons_service.compute.providers.base import Provider
from axons_service.compute.providers.local import LocalProvider
from axons_service.compute.providers.static import StaticProvider

BACKENDS: dict[str, type[Provider]] = {Pool.Provider.LOCAL: LocalProvider, Pool.Provider.STATIC: StaticProvider}


def provider_of(pool: Pool) -> Provider:
    """The provider of a pool, configured by its options."""
    return BACKENDS[pool.provider](pool)
