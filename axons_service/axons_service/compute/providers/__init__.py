"""Providers start and stop the runners of a pool. One port, several backends."""

from importlib import import_module

from axons_service.compute.models import Pool
from axons_service.compute.providers.base import Provider

BACKENDS = {
    Pool.Provider.LOCAL: "local.LocalProvider",
    Pool.Provider.STATIC: "static.StaticProvider",
    Pool.Provider.KUBERNETES: "kubernetes.KubernetesProvider",
    Pool.Provider.OVH: "ovh.OvhProvider",
}


def provider_of(pool: Pool) -> Provider:
    """The provider of a pool, configured by its options. Its module is imported now: the cluster client is heavy."""
    module, name = BACKENDS[Pool.Provider(pool.provider)].split(".")
    backend: type[Provider] = getattr(import_module(f"{__name__}.{module}"), name)
    return backend(pool)
