"""Runners that a person started by hand, like CI runners: the pool only sees them claim."""

from axons_service.compute.providers.base import Handle, Provider, Status


class StaticProvider(Provider):
    """Starts and stops nothing."""

    starts_runners = False

    def start(self, name: str) -> Handle:
        raise NotImplementedError(f"The pool {self.pool.name} is static: start its runners by hand.")

    def poll(self, handle: Handle) -> Status:
        return Status.UNKNOWN

    def stop(self, handle: Handle, *, force: bool = False) -> None:
        return None

    def runners(self) -> dict[str, Handle]:
        return {}
