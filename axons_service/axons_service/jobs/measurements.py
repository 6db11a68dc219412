"""What was measured of a pool: run times of finished work, and how long its machines take to start."""

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from statistics import fmean
from typing import Any

from axons_service.compute.models import Pool, Runner
from axons_service.jobs.estimate import Measured
from axons_service.jobs.line import WorkKey
from axons_service.jobs.models import Attempt, Job
from axons_service.jobs.states import State

MEASURED = 200  # newest finished jobs of a kind that count
WAY = ("architecture", "fine_tuning")
KEPT_SECONDS = 10.0  # so many readers of lines share one look at what was measured
STARTED = 50  # newest machines that count


class RunTimes:
    """Run times of one pool, from the most alike to the least: same spec, same kind and way, same kind."""

    def __init__(self) -> None:
        self._by: dict[tuple[object, ...], list[float]] = defaultdict(list)
        self._found: dict[WorkKey, Measured | None] = {}

    def add(self, key: WorkKey, seconds: float) -> None:
        for basis in _bases(key).values():
            self._by[basis].append(seconds)

    def of(self, key: WorkKey) -> Measured | None:
        """What was measured of such work; null when nothing was."""
        if key not in self._found:
            known = ((basis, self._by.get(each)) for basis, each in _bases(key).items())
            first = next(((basis, seconds) for basis, seconds in known if seconds), None)
            self._found[key] = Measured(tuple(first[1]), first[0]) if first is not None else None
        return self._found[key]

    def mean(self, kinds: Iterable[str]) -> float | None:
        """Mean seconds of the work of these kinds, as it came; null when none was measured."""
        known = [each for kind in kinds if (each := self.of((0, kind, ""))) is not None]
        seconds = [second for each in known for second in each.seconds]
        return fmean(seconds) if seconds else None


def way_of(hyperparameters: str) -> list[str]:
    """The lookups, below this field, that say how a job computes, as far as its run time hangs on it."""
    return [f"{hyperparameters}__{name}" for name in WAY]


def way(values: Iterable[Any]) -> str:
    """How a job computes, of what `way_of` looks up: the network, and what of it learns."""
    return " ".join(str(value or "") for value in values)


def _bases(key: WorkKey) -> dict[str, tuple[object, ...]]:
    spec, kind, way = key
    return {"spec": (spec, kind, way), "kind": (kind, way), "pool": (kind,)}


_lately: dict[tuple[int, str], tuple[float, list[tuple[WorkKey, float]]]] = {}


def run_times(pool_id: int, kinds: list[str]) -> RunTimes:
    """Run times of the newest jobs that succeeded in their first attempt, as they were at most KEPT_SECONDS ago."""
    found = RunTimes()
    now = time.monotonic()
    for kind in kinds:
        read_at, rows = _lately.get((pool_id, kind), (0.0, []))
        if not 0 < now - read_at < KEPT_SECONDS:
            rows = list(_measured(pool_id, kind))
            _lately[pool_id, kind] = (now, rows)
        for key, seconds in rows:
            found.add(key, seconds)
    return found


def _measured(pool_id: int, kind: str) -> Iterator[tuple[WorkKey, float]]:
    done = Attempt.objects.filter(
        job__pool=pool_id, job__kind=kind, job__state=State.SUCCEEDED, number=1, outcome="succeeded"
    ).order_by("-job__finished_at")
    if kind == Job.Kind.INFERENCE:
        done = done.filter(job__batch__isnull=True)  # one picture's time says nothing of five hundred's
    rows = done.values_list("job__spec", "started_at", "ended_at", *way_of("job__hyperparameters"))
    for spec, started_at, ended_at, *values in rows[:MEASURED]:
        if ended_at is not None:
            yield (spec, kind, way(values)), (ended_at - started_at).total_seconds()


def start_times(pool: Pool) -> Measured | None:
    """How long the pool's newest machines took from the order to their first claim; null when none was measured."""
    ready = Runner.objects.filter(pool=pool, ready_at__isnull=False).order_by("-ready_at")
    times: list[tuple[datetime, datetime]] = [
        (created, at) for created, at in ready.values_list("created_at", "ready_at")[:STARTED] if at is not None
    ]
    seconds = tuple((at - created).total_seconds() for created, at in times)
    return Measured(seconds, "pool") if seconds else None


JOB_KINDS: dict[bool, list[str]] = {
    True: [Job.Kind.INFERENCE],
    False: [Job.Kind.EVALUATION, Job.Kind.TRAINING],
}
