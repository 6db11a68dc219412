"""The provider port: what every kind of compute can be asked. `tests/conformance` runs over every backend."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from axons_service.compute.models import Pool

Handle = dict[str, Any]


class Status(StrEnum):
    """What a provider knows about a runner's machine or process."""

    STARTING = "starting"  # asked for, not running yet: queued, pulling its image, waiting for a node
    ALIVE = "alive"
    GONE = "gone"
    UNKNOWN = "unknown"  # it cannot be asked; only the runner's own calls tell


@dataclass(frozen=True)
class Machine:
    """A machine that a provider has. `billed_from` and `billed_until` bound the time that is paid for, if any."""

    name: str
    handle: Handle
    status: Status
    billed_from: datetime | None = None
    billed_until: datetime | None = None


class ProviderError(Exception):
    """The provider did not do what it was asked, or its answer was lost; asking again later is right.

    The message is a sentence for operators. `retry_after` is how long the provider wants to be left alone, in seconds.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class NoCapacity(ProviderError):
    """Nothing was started: a quota is used up or no machine of this kind is free."""


class Rejected(ProviderError):
    """Nothing was started, and nothing will be until an operator changes the pool's options or its credentials."""


class Provider(ABC):
    """Starts and stops runners. A handle is JSON, kept in the runner's row, and enough to find the runner again."""

    starts_runners = True

    def __init__(self, pool: Pool) -> None:
        self.pool = pool

    @abstractmethod
    def start(self, name: str) -> Handle:
        """Start the runner of this name, or adopt the one that is there already: calling twice starts one.

        Raises NoCapacity and Rejected when nothing was started, ProviderError when that is not known.
        """

    @abstractmethod
    def poll(self, handle: Handle) -> Status:
        """Whether the runner behind this handle is alive. Raises ProviderError when the provider cannot tell now."""

    @abstractmethod
    def stop(self, handle: Handle, *, force: bool = False) -> None:
        """Ask the runner to give back its job and exit; with `force` do not ask. Stopping a gone one is fine."""

    @abstractmethod
    def machines(self) -> list[Machine]:
        """Every machine of this pool that is not gone, whether the database knows it or not; two may share a name."""

    def inspect(self, handle: Handle) -> Machine | None:
        """The machine behind a handle, gone ones included as long as the provider remembers them; None after that."""
        return next((machine for machine in self.machines() if machine.handle == handle), None)

    def namesakes(self, name: str) -> list[Machine]:
        """Every machine that the provider remembers under a runner's name, gone ones too, where there may be several.

        Empty where names are unique: `inspect` tells all then.
        """
        return []


def option(pool: Pool, name: str) -> str:
    """A pool option that its provider cannot do without. Raises Rejected with a sentence when it is not set."""
    value = pool.options.get(name)
    if not value:
        raise Rejected(f"The pool {pool.name} ({pool.provider}) lacks the option “{name}”. Set it with pool_register.")
    return str(value)
