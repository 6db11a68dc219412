"""Runners that a person started by hand, like CI runners: the pool only sees them claim."""

from axons_service.compute.providers.base import Handle, Machine, Provider, Rejected, Status


class StaticProvider(Provider):
    """Starts and stops nothing."""

    starts_runners = False

    def start(self, name: str) -> Handle:
        raise Rejected(f"The pool {self.pool.name} is static: start its runners by hand.")

    def poll(self, handle: Handle) -> Status:
        return Status.UNKNOWN

    def stop(self, handle: Handle, *, force: bool = False) -> None:
        return None

    def machines(self) -> list[Machine]:
        return []
