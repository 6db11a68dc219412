"""What the cloud's machines ran, beside what the service says that it pays. Pure, tested on made-up evidence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

# The service rounds a machine's time up to the billing unit (1 s here), and the cloud looks at its machines so often
# that a busy machine notices an end within another second.
TOLERANCE_SECONDS = 2.0


@dataclass(frozen=True)
class Machine:
    """A job of the cloud: how long its process ran by a clock of its own, and whether the job is still there."""

    id: str
    name: str
    seconds: float = 0.0
    is_alive: bool = False


@dataclass(frozen=True)
class Bill:
    """A machine in the service's accounting: seconds that are paid for."""

    id: str
    name: str
    seconds: float = 0.0
    is_closed: bool = True


@dataclass(frozen=True)
class Account:
    """The comparison, machine by machine."""

    machines: int = 0
    ran: float = 0.0
    billed: float = 0.0
    widest: float = 0.0  # the largest difference of one machine
    orphans: tuple[str, ...] = ()
    unaccounted: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """The report; nothing where there was no cloud."""
        if not self.machines:
            return []
        return [
            f"machines {self.machines}, that ran {self.ran:.1f} s by the cloud's ledger and {self.billed:.0f} s by "
            f"the service's bills",
            f"          largest difference of one machine {self.widest:.2f} s, tolerated {TOLERANCE_SECONDS:.0f} s",
            f"unaccounted {len(self.unaccounted)}",
        ]


def account(machines: Iterable[Machine], bills: Iterable[Bill], known: Iterable[str]) -> Account:
    """Compare. `known` are names of the runners that the service believes to be there; at the end nobody should."""
    cloud, paid = {each.id: each for each in machines}, {each.id: each for each in bills}
    pairs = {key: (cloud.get(key), paid.get(key)) for key in [*cloud, *(key for key in paid if key not in cloud)]}
    return Account(
        machines=len(cloud),
        ran=sum(each.seconds for each in cloud.values()),
        billed=sum(each.seconds for each in paid.values()),
        widest=max((abs(_difference(*pair)) for pair in pairs.values()), default=0.0),
        orphans=tuple(_orphans(cloud.values(), set(known))),
        unaccounted=tuple(line for pair in pairs.values() for line in _unaccounted(*pair)),
    )


def _orphans(machines: Iterable[Machine], known: set[str]) -> Iterator[str]:
    names = set()
    for machine in machines:
        if machine.is_alive:
            names.add(machine.name)
            whose = "although nothing is left to do" if machine.name in known else "and the service does not know it"
            yield f"machine {machine.id} ({machine.name}) still runs, {whose}"
    for name in sorted(known - names):
        yield f"runner {name} is still there for the service, and its machine is gone"


def _unaccounted(machine: Machine | None, bill: Bill | None) -> Iterator[str]:
    difference = _difference(machine, bill)
    name = machine.name if machine is not None else bill.name if bill is not None else ""
    if bill is not None and not bill.is_closed and not (machine is not None and machine.is_alive):
        yield f"the bill of machine {bill.id} ({name}) is still open"
    if abs(difference) > TOLERANCE_SECONDS:
        ran, billed = machine.seconds if machine is not None else 0.0, bill.seconds if bill is not None else 0.0
        yield f"machine {name} ran {ran:.1f} s and the service pays {billed:.1f} s"


def _difference(machine: Machine | None, bill: Bill | None) -> float:
    """Seconds that are paid beyond those that it ran."""
    return (bill.seconds if bill is not None else 0.0) - (machine.seconds if machine is not None else 0.0)
