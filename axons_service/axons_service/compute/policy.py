"""How many machines a pool should have now, which may go, and why. Pure: no database, no clock, no I/O.

`decide` is what the service does at every tick and what `make simulate` replays a day with. Times are in seconds, money
in the pool's currency. The rules in one paragraph:

What waits is worth a machine if those that are there would not begin it within the target wait, unless nothing would
be left of it, and nothing have come to it, when the new machine has started. In a warm window, and
with spare runners, machines are there before the work is. Idle ones go when they were idle for long, the cool-down
after the last start is over, and little of the billing unit that is paid already is left. A budget of the day that is
used up starts nothing and keeps nothing warm; what runs is finished.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time
from math import ceil, floor
from zoneinfo import ZoneInfo

WARNED = 0.8  # share of the day's budget from which on the reason says so
SPENT_GRACE = 30.0  # a machine without work for so long has nothing that it may take
UNIT_END = 120.0  # an idle machine goes when so many seconds or fewer of its paid billing unit are left


@dataclass(frozen=True)
class Window:
    """Hours in which `runners` are kept warm. `days` are ISO weekdays, 1 is Monday; `until` may be past midnight."""

    days: frozenset[int]
    since: time
    until: time
    runners: int
    zone: str = "UTC"

    def contains(self, moment: datetime) -> bool:
        """Whether an aware moment is in the window; a window over midnight belongs to the day on which it began."""
        local = moment.astimezone(ZoneInfo(self.zone))
        clock, day = local.time(), local.isoweekday()
        if self.since < self.until:
            return day in self.days and self.since <= clock < self.until
        yesterday = 7 if day == 1 else day - 1
        return (day in self.days and clock >= self.since) or (yesterday in self.days and clock < self.until)


@dataclass(frozen=True)
class Rules:
    """What an operator set for a pool."""

    least: int = 0
    most: int = 1
    is_active: bool = True
    windows: tuple[Window, ...] = ()
    spare: int = 0  # free machines that are kept beside the busy ones
    target_wait: float = 10.0
    idle: float = 900.0
    cool_down: float = 0.0
    billing_unit: float = 1.0
    budget: float | None = None  # a day (UTC)


@dataclass(frozen=True)
class Measures:
    """What was measured; null: nothing yet."""

    run: float | None = None  # mean run time of what the training slot takes
    start: float | None = None  # median time from the order of a machine to its first claim
    rate: float = 0.0  # trainings and evaluations that came lately, a second
    spent: float = 0.0  # of the day's budget


@dataclass(frozen=True)
class Machine:
    """A machine that starts or works. `idle` is null while it holds a job, `billed` before its bill began."""

    id: int
    is_starting: bool = False
    age: float = 0.0  # since it was ordered
    idle: float | None = None
    trains: bool = False  # its training slot is taken
    billed: float | None = None


@dataclass(frozen=True)
class Facts:
    """A pool at one moment. `waiting` are trainings and evaluations that could be claimed, `pictures` inferences."""

    now: datetime
    rules: Rules
    measures: Measures = Measures()
    waiting: int = 0
    pictures: int = 0
    exempt: int = 0  # of `waiting`: evaluations, which no budget stops
    machines: tuple[Machine, ...] = ()
    is_blocked: bool = False  # the provider wants to be left alone


@dataclass(frozen=True)
class Decision:
    """What to do. `desired` is how many machines there should be; `reason` is a sentence for operators."""

    desired: int
    start: int
    stop: tuple[int, ...]
    reason: str


def decide(facts: Facts) -> Decision:
    """Machines to start or to stop now; never both at once."""
    rules, there = facts.rules, len(facts.machines)
    if not rules.is_active:
        return Decision(0, 0, _stoppable(facts, 0), "The pool takes no jobs: machines go when they are done.")
    spent = _spent_share(facts)
    if spent >= 1.0:
        return _spent_up(facts)
    wanted, why = max(_candidates(facts), key=lambda each: each[0])
    desired = min(wanted, rules.most)
    if desired < wanted:
        why += f" The pool may have {rules.most}."
    if spent >= WARNED:
        why += f" {floor(spent * 100)} % of the day's budget is used."
    if desired > there:
        if facts.is_blocked:
            return Decision(desired, 0, (), f"{why} The provider had no machine; it is asked again later.")
        return Decision(desired, desired - there, (), why)
    return Decision(desired, 0, _stoppable(facts, desired), why)


def _spent_up(facts: Facts) -> Decision:
    """The day's budget is used up: one machine for grades and pictures, none for trainings that did not begin."""
    reason = "The budget of the day is used up: what runs is finished, no training begins."
    busy = [machine for machine in facts.machines if machine.idle is None]
    if facts.exempt or facts.pictures:
        start = 0 if facts.machines or facts.is_blocked else min(1, facts.rules.most)
        return Decision(max(1, len(busy)), start, (), f"{reason} Grades and pictures go on.")
    idle = [machine for machine in facts.machines if not machine.is_starting and (machine.idle or 0.0) > SPENT_GRACE]
    return Decision(len(busy), 0, tuple(machine.id for machine in idle), reason)


def claimable(demands: Iterable["Demand"]) -> int:
    """How many of the waiting trainings could run now under the caps of their courses and sites."""
    allowed = 0
    left: dict[int, int] = {}
    for demand in demands:
        own = demand.waiting
        if demand.course_most is not None:
            own = min(own, max(0, demand.course_most - demand.course_running))
        if demand.site_most is not None:
            room = left.setdefault(demand.site, max(0, demand.site_most - demand.site_running))
            own = min(own, room)
            left[demand.site] = room - own
        allowed += own
    return allowed


@dataclass(frozen=True)
class Demand:
    """The waiting trainings of one course, what runs of it and of its site, and how much of each may run at once."""

    site: int
    waiting: int
    course_running: int = 0
    course_most: int | None = None
    site_running: int = 0
    site_most: int | None = None


@dataclass(frozen=True)
class Place:
    """A pool that a waiting job may go to, as it is now."""

    name: str
    is_active: bool = True
    is_blocked: bool = False
    free: int = 0  # machines without work


def next_pool(current: str, listed: Iterable[Place]) -> str | None:
    """Where a job goes whose pool has no machine to give: the author's next pool that has; null to stay and wait.

    A pool with a free machine comes before one that would have to start one; within each the author's order holds.
    """
    open_ = [place for place in listed if place.name != current and place.is_active and not place.is_blocked]
    return next((place.name for place in open_ if place.free), open_[0].name if open_ else None)


def _candidates(facts: Facts) -> list[tuple[int, str]]:
    """How many machines each rule wants, with its sentence; at equal numbers the first one is told."""
    rules = facts.rules
    states = Counter("train" if machine.trains else "free" for machine in facts.machines)
    wanted = [(0, "Nothing waits.")]
    if facts.waiting:
        missing = _missing(facts)
        jobs = "1 job waits" if facts.waiting == 1 else f"{facts.waiting} jobs wait"
        seconds = f"{rules.target_wait:.0f} s"
        there = len(facts.machines)
        if missing:
            wanted.append((there + missing, f"{jobs}; {there} machines cannot begin them within {seconds}."))
        else:
            wanted.append((there, f"{jobs}; the machines that are there begin them within {seconds}."))
    elif states["train"]:
        wanted.append((states["train"], f"{states['train']} jobs run, nothing waits."))
    if facts.pictures:
        wanted.append((1, "A picture waits for its prediction."))
    if rules.spare and states["train"]:
        wanted.append((states["train"] + rules.spare, f"{states['train']} jobs run, {rules.spare} machines are spare."))
    warm = max((window.runners for window in rules.windows if window.contains(facts.now)), default=0)
    if warm:
        wanted.append((warm, f"A warm window asks for {warm} machines."))
    if rules.least:
        wanted.append((rules.least, f"At least {rules.least} machines are kept."))
    return wanted


def _missing(facts: Facts) -> int:
    """Machines beyond those that are there, so that what waits begins within the target wait."""
    run, start, target = facts.measures.run, facts.measures.start or 0.0, facts.rules.target_wait
    late = facts.waiting - _begun(facts, target)
    left = facts.waiting + floor(facts.measures.rate * start) - _begun(facts, start)
    work = min(late, left)
    return ceil(work / (1 + _more(target - start, run))) if work > 0 else 0


def _begun(facts: Facts, within: float) -> int:
    """Jobs that the machines which are there begin within so many seconds; one that starts begins its first later."""
    run, start = facts.measures.run, facts.measures.start or 0.0
    begun = 0
    for machine in facts.machines:
        if not machine.trains:
            ready = max(0.0, start - machine.age) if machine.is_starting else 0.0
            begun += 1 + _more(within - ready, run)
    training = sum(machine.trains for machine in facts.machines)
    return begun + (floor(training * within / run) if run else 0)  # so often busy machines come free


def _more(seconds: float, run: float | None) -> int:
    """Jobs that a machine begins after its first one."""
    return floor(max(0.0, seconds) / run) if run else 0


def _stoppable(facts: Facts, desired: int) -> tuple[int, ...]:
    """Idle machines beyond `desired`, the longest idle first."""
    rules = facts.rules
    surplus = len(facts.machines) - desired
    newest = min((machine.age for machine in facts.machines), default=0.0)
    # a picture keeps the one machine that `desired` counts: one that is idle for long beside it cannot do it
    if surplus <= 0 or facts.waiting or newest < rules.cool_down:
        return ()
    idle = [machine for machine in facts.machines if not machine.is_starting and _may_go(machine, rules)]
    idle.sort(key=lambda machine: -(machine.idle or 0.0))
    return tuple(machine.id for machine in idle[:surplus])


def _may_go(machine: Machine, rules: Rules) -> bool:
    if machine.idle is None or machine.idle <= rules.idle:
        return False
    if rules.billing_unit <= UNIT_END or machine.billed is None:
        return True
    return rules.billing_unit - machine.billed % rules.billing_unit <= UNIT_END


def _spent_share(facts: Facts) -> float:
    budget = facts.rules.budget
    if budget is None:
        return 0.0
    return facts.measures.spent / budget if budget > 0 else 1.0
