"""The provider port: what every kind of compute can be asked."""

from abc import ABC, abstractmethod
from enum import StrEnum
from typing import Any

from axons_service.compute.models import Pool

Handle = dict[str, Any]


class Status(StrEnum):
    """What a provider knows about a runner's machine or process."""

    ALIVE = "alive"
    GONE = "gone"
    UNKNOWN = "unknown"  # it cannot be asked; only the runner's own calls tell


class Provider(ABC):
    """Starts and stops runners. A handle is JSON, kept in the runner's row, and enough to find the runner again."""

    starts_runners = True

    def __init__(self, pool: Pool) -> None:
        self.pool = pool

    @abstractmethod
    def start(self, name: str) -> Handle:
        """Start the runner of this name, or find the one that runs already: calling twice starts one."""

    @abstractmethod
    def poll(self, handle: Handle) -> Status:
        """Whether the runner behind this handle is alive."""

    @abstractmethod
    def stop(self, handle: Handle, *, force: bool = False) -> None:
        """Ask the runner to give back its job and exit; with `force` do not ask. Stopping a gone one is fine."""

    @abstractmethod
    def runners(self) -> dict[str, Handle]:
        """Every runner of this pool that the provider has, by name, whether the database knows it or not."""
