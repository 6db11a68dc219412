"""When waiting jobs will start: the line is played through many times with run times drawn from measured ones.

Pure, and the same for the same question: the random numbers begin at the same seed. The spread covers what was
measured and, since few measurements say little, how few they are: each play multiplies all run times of a kind by a
factor that is log-normal with a deviation of `DOUBT / sqrt(n)`.
"""

import heapq
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from itertools import zip_longest
from math import exp, inf, sqrt
from random import Random
from statistics import fmean, pvariance
from typing import NamedTuple

PLAYS = 80
PLAYED = 60  # so many starts are played one by one; what is behind them is added up
DOUBT = 0.5
LOW, MIDDLE, HIGH = 0.05, 0.5, 0.95
CLAIM_SECONDS = 2.0  # a free runner asks at least every second
LOOK_PAST = 200  # jobs of courses at their limit that a slot passes over
IN_REACH = PLAYED + LOOK_PAST  # of a line; no play gets behind them


@dataclass(frozen=True, eq=False)
class Measured:
    """Run times in seconds, and of what they are: `spec`, `kind` or `pool`."""

    seconds: tuple[float, ...]
    basis: str


@dataclass(frozen=True)
class Work:
    """A job of the line; `limit` trainings of its course run at once. `measured` is null when nothing like it was."""

    kind: str
    measured: Measured | None
    course: int = 0
    limit: int | None = None


@dataclass(frozen=True)
class Slot:
    """A place where one job runs at a time. `busy` is what it does, since `elapsed` seconds; null when it is free."""

    busy: Measured | None = None
    elapsed: float = 0.0
    is_unknown: bool = False  # busy with something that was never measured
    course: int = 0
    last_kind: str = ""


class Estimate(NamedTuple):
    """Seconds from now: p5, median and p95 of the plays; infinite where nothing was measured."""

    low: float
    middle: float
    high: float


class _Tail(NamedTuple):
    """Where one play stopped: its last start, how many starts it had, and its factors."""

    last: float
    starts: int
    factors: dict[Measured, float]


@dataclass
class _Play:
    free: list[tuple[float, int, str]] = field(default_factory=list)
    ends: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))


class Estimates:
    """Estimates for every place of a line, counted from 0 in the order of claims; computed where they are asked for.

    A slot takes from `first` before `second`, but not twice in a row while both wait (see `job_claim`). The first
    PLAYED starts are played; memory and time do not grow with what is behind them until somebody asks.
    """

    def __init__(self, first: list[Work], second: list[Work], slots: list[Slot]) -> None:
        self._slots = len(slots)
        everyone = first + second
        pairs = zip_longest(range(len(first)), range(len(first), len(everyone)))
        self._indexes = [index for pair in pairs for index in pair if index is not None]
        self._ranked = [everyone[index] for index in self._indexes]
        self._played: dict[int, list[float]] = defaultdict(list)
        self._tails: list[_Tail] = []
        self._counts: dict[tuple[int, int, int | None], Counter[Measured | None]] = {}
        random = Random(0)
        lines = (list(enumerate(first))[:IN_REACH], list(enumerate(second, start=len(first)))[:IN_REACH])
        for _ in range(PLAYS if slots else 0):
            factors: dict[Measured, float] = {}
            begun = _played(lines, slots, random, factors)
            for index, start in begun.items():
                self._played[index].append(start)
            is_stuck = len(begun) < min(PLAYED, len(everyone))  # on work or a machine that was never measured
            last = inf if is_stuck else max(begun.values(), default=0.0)
            self._tails.append(_Tail(last, len(begun), factors))

    def is_past(self, place: int) -> bool:
        """Whether nothing was played that says when a job of this place starts: behind the end of a short line."""
        return len(self._ranked) <= place and len(self._ranked) < PLAYED

    def of(self, place: int) -> Estimate:
        """The estimate of a place; one behind the end of the line is that of whoever joins now."""
        if not self._slots:
            return Estimate(inf, inf, inf)
        times = self._played[self._indexes[place]] if place < len(self._indexes) else []
        return _quantiles(times if len(times) == PLAYS else self._behind(place))

    def _behind(self, place: int) -> list[float]:
        """Starts behind those that were played: the work between, shared by all slots.

        Where the course has a limit, its own work is shared by no more than that.
        """
        work = self._ranked[place] if place < len(self._ranked) else None
        random = Random(place)
        times: list[float] = []
        for tail in self._tails:
            start = max(0, tail.starts - 1)  # the job that began last is still to be done
            between = self._between(start, place, None)
            if tail.last == inf or None in between:
                return [inf]
            wait = _sum(between, tail.factors, random) / self._slots
            if work is not None and work.limit is not None:
                own = self._between(start, place, work.course)
                wait = max(wait, _sum(own, tail.factors, random) / work.limit)
            times.append(tail.last + wait)
        return times

    def _between(self, start: int, end: int, course: int | None) -> Counter[Measured | None]:
        if (start, end, course) not in self._counts:
            works = (work for work in self._ranked[start:end] if course is None or work.course == course)
            self._counts[start, end, course] = Counter(work.measured for work in works)
        return self._counts[start, end, course]


def _quantiles(times: list[float]) -> Estimate:
    ordered = sorted(times)
    low, middle, high = (ordered[round(share * (len(ordered) - 1))] for share in (LOW, MIDDLE, HIGH))
    return Estimate(low, middle, high + CLAIM_SECONDS)


def _played(
    waiting: tuple[list[tuple[int, Work]], list[tuple[int, Work]]],
    slots: list[Slot],
    random: Random,
    factors: dict[Measured, float],
) -> dict[int, float]:
    """One play: when each job of both lines, given with its place, starts, until PLAYED did."""
    play = _Play()
    for number, slot in enumerate(slots):
        end = inf if slot.is_unknown else _left(slot, random, factors)
        heapq.heappush(play.free, (end, number, slot.last_kind))
        if slot.course:
            play.ends[slot.course].append(end)
    first, second = waiting
    lines = {True: first.copy(), False: second.copy()}
    begun: dict[int, float] = {}
    while (lines[True] or lines[False]) and len(begun) < PLAYED and play.free:
        now, number, last_kind = heapq.heappop(play.free)
        if now == inf:
            break
        is_first_next = not (lines[False] and first and last_kind == first[0][1].kind)
        for is_first in (is_first_next, not is_first_next):
            index = _next(lines[is_first], play, now)
            if index is not None:
                break
        if index is None:
            later = [end for ends in play.ends.values() for end in ends if now < end < inf]
            if later:
                heapq.heappush(play.free, (min(later), number, last_kind))
            continue
        place, work = lines[is_first].pop(index)
        begun[place] = now
        end = inf if work.measured is None else now + _drawn(work.measured, random, factors)
        heapq.heappush(play.free, (end, number, work.kind))
        if work.limit is not None:
            play.ends[work.course].append(end)
    return begun


def _next(line: list[tuple[int, Work]], play: _Play, now: float) -> int | None:
    """Where in the line the first job is whose course may run one more."""
    for index, (_, work) in enumerate(line[:LOOK_PAST]):
        if work.limit is None or sum(end > now for end in play.ends[work.course]) < work.limit:
            return index
    return None


def _factor(measured: Measured, random: Random, factors: dict[Measured, float]) -> float:
    if measured not in factors:
        factors[measured] = exp(random.gauss(0, DOUBT / sqrt(len(measured.seconds))))
    return factors[measured]


def _drawn(measured: Measured, random: Random, factors: dict[Measured, float]) -> float:
    return random.choice(measured.seconds) * _factor(measured, random, factors)


def _left(slot: Slot, random: Random, factors: dict[Measured, float]) -> float:
    """Seconds until the slot is free: a measured time among those that are longer than it works already."""
    if slot.busy is None:
        return 0.0
    factor = _factor(slot.busy, random, factors)
    longer = [each * factor for each in slot.busy.seconds if each * factor > slot.elapsed]
    if not longer:  # longer than anything measured: all that is known is that it did not end yet
        return random.uniform(0, slot.elapsed / 2)
    return random.choice(longer) - slot.elapsed


def _sum(counts: Counter[Measured | None], factors: dict[Measured, float], random: Random) -> float:
    """A draw of the sum of run times: normal, since it is only used for many."""
    seconds = variance = 0.0
    for measured, count in counts.items():
        if measured is not None:
            factor = _factor(measured, random, factors)
            seconds += count * factor * fmean(measured.seconds)
            variance += count * factor**2 * pvariance(measured.seconds)
    return max(0.0, random.gauss(seconds, sqrt(variance)))
