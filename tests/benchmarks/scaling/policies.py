"""Who decides: the service's policy (`axons_service.compute.policy`), and what it is compared with."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import time

from axons_service.compute.policy import Decision, Facts, Rules, Window, decide

EVERY_DAY = frozenset(range(1, 8))


@dataclass(frozen=True)
class Policy:
    """A name, the rules of the pool, who decides over them, and how many machines are there at midnight."""

    name: str
    rules: Rules
    decide: Callable[[Facts], Decision]
    at_midnight: int = 0


def fixed(count: int) -> Policy:
    """So many machines, day and night."""
    return Policy(f"fixed pool of {count}", Rules(least=count, most=count), decide, count)


def naive(most: int) -> Policy:
    """Scale to zero as it is first written: a machine for every waiting job, and away with what has no work."""
    return Policy("naive scale-to-zero", Rules(most=most), _naive)


def ours(students: int, most: int) -> Policy:
    """The shipped policy with the settings that docs/scaling.md recommends.

    Warm machines are sized by hand from what an operator knows the week before: the exam's 15 % of the students order
    within minutes of each other, and 2 % of all are machines for two thirds of that peak; a lab of 4 % begins slowly.
    """
    exam, lab, spare = (max(1, round(students * share)) for share in (0.02, 0.002, 0.0015))
    windows = (
        Window(EVERY_DAY, time(17, 50), time(19, 0), exam),
        Window(EVERY_DAY, time(9, 0), time(17, 0), lab),
    )
    rules = Rules(most=most, windows=windows, spare=spare, target_wait=10, idle=300, cool_down=60, billing_unit=60)
    return Policy("ours", rules, decide)


def _naive(facts: Facts) -> Decision:
    free = [machine for machine in facts.machines if not machine.trains]
    room = max(0, facts.rules.most - len(facts.machines))
    start = min(room, max(0, facts.waiting - len(free)))
    stop = () if facts.waiting else tuple(machine.id for machine in free if not machine.is_starting)
    return Decision(len(facts.machines) + start - len(stop), start, stop, "")
