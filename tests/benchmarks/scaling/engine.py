"""The clock, the queue and the machines. Event-driven: nothing happens between two events but the policy's ticks."""

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import ceil, log
from random import Random
from statistics import fmean, median

from axons_service.compute.policy import Facts, Machine, Measures
from tests.benchmarks.scaling.day import EVALUATION, HOUR, TRAINING, Day, Visit
from tests.benchmarks.scaling.policies import Policy

MIDNIGHT = datetime(2026, 11, 30, tzinfo=UTC)
TICK = 10.0  # as beat's `scale-pools`
END = 24 * HOUR
ORDERED = (80.0, 0.35)  # from the order until the machine runs, not billed: median, deviation of the logarithm
BOOT = 20.0  # from there to the first claim, billed
CHECKPOINT = 60.0  # an interrupted job loses at most so much
BILLING_UNIT = 60.0
LATELY = 300.0


@dataclass
class Job:
    visit: Visit
    step: int
    ordered_at: float
    seconds: float
    kind: str
    started_at: float | None = None


@dataclass
class Server:
    id: int
    ordered_at: float
    billed_from: float | None = None
    ready: bool = False
    job: Job | None = None
    began: float = 0.0
    free_since: float = 0.0
    last_kind: str = ""


@dataclass
class Outcome:
    """What a day was like: waits in seconds with the moment of the order, machine time in seconds."""

    policy: str
    waits: list[tuple[float, float]] = field(default_factory=list)
    busy: float = 0.0
    billed: float = 0.0
    most: int = 0
    interrupted: int = 0
    done: int = 0

    def waited(self, share: float, since: float = 0.0, until: float = float("inf")) -> float:
        """A quantile of the waits of what was ordered in a part of the day."""
        waits = sorted(wait for at, wait in self.waits if since <= at < until)
        return waits[min(len(waits) - 1, ceil(share * len(waits)) - 1)] if waits else 0.0

    @property
    def machine_hours(self) -> float:
        return self.billed / HOUR

    @property
    def utilisation(self) -> float:
        return self.busy / self.billed if self.billed else 0.0


class Simulation:
    """One day under one policy. `interruptions` are per machine-hour (spot machines); a fixed pool has none."""

    def __init__(self, day: Day, policy: Policy, *, interruptions: float = 0.0) -> None:
        self.policy, self.outcome = policy, Outcome(policy.name)
        self._random = Random(day.seed + 1)
        self._interruptions = interruptions
        self._events: list[tuple[float, int, Callable[..., None], tuple[object, ...]]] = []
        self._number = 0
        self._now = 0.0
        self._servers: dict[int, Server] = {}
        self._free: list[int] = []
        self._queues: dict[str, deque[Job]] = {TRAINING: deque(), EVALUATION: deque()}
        self._runs: dict[str, deque[float]] = {TRAINING: deque(maxlen=200), EVALUATION: deque(maxlen=200)}
        self._came: deque[float] = deque()
        self._starts: deque[float] = deque(maxlen=50)
        visits = day.visits()
        self._ordered = sum(len(visit.steps) for visit in visits)
        for visit in visits:
            self._at(visit.at + visit.steps[0].after, self._order, visit, 0)
        for _ in range(policy.at_midnight):
            self._server(ready=True)
        self._is_fixed = policy.at_midnight > 0
        if not self._is_fixed:
            self._at(0.0, self._tick)

    def run(self) -> Outcome:
        """Until the day is over and everybody has what they ordered."""
        while self._now < END or self.outcome.done < self._ordered:
            if not self._events:
                break
            self._now, _, call, arguments = heapq.heappop(self._events)
            call(*arguments)
        for server in list(self._servers.values()):
            self._gone(server)
        return self.outcome

    def _at(self, when: float, call: Callable[..., None], *arguments: object) -> None:
        self._number += 1
        heapq.heappush(self._events, (when, self._number, call, arguments))

    def _order(self, visit: Visit, number: int) -> None:
        step = visit.steps[number]
        self._came.append(self._now)
        self._queues[step.kind].append(Job(visit, number, self._now, step.seconds, step.kind))
        if self._free:
            self._claim(self._free.pop(self._random.randrange(len(self._free))))
        elif not self._is_fixed:
            self._scale()  # as the service does at a dispatch that no free runner awaits

    def _claim(self, pk: int) -> None:
        """A free machine takes an evaluation before a training, but never two in a row (docs/decisions/0006)."""
        server = self._servers.get(pk)
        if server is None or server.job is not None or not server.ready:
            return
        kinds = (TRAINING, EVALUATION) if server.last_kind == EVALUATION else (EVALUATION, TRAINING)
        queue = next((self._queues[kind] for kind in kinds if self._queues[kind]), None)
        if queue is None:
            self._free.append(pk)
            return
        job = queue.popleft()
        if job.started_at is None:
            job.started_at = self._now
            self.outcome.waits.append((job.ordered_at, self._now - job.ordered_at))
        server.job, server.began, server.last_kind = job, self._now, job.kind
        self._at(self._now + job.seconds, self._end, pk, job)

    def _end(self, pk: int, job: Job) -> None:
        server = self._servers.get(pk)
        if server is None or server.job is not job:
            return  # it was interrupted
        self.outcome.busy += self._now - server.began
        self.outcome.done += 1
        self._runs[job.kind].append(self._now - server.began)
        server.job, server.free_since = None, self._now
        if job.step + 1 < len(job.visit.steps):
            self._at(self._now + job.visit.steps[job.step + 1].after, self._order, job.visit, job.step + 1)
        self._claim(pk)

    def _tick(self) -> None:
        self._scale()
        self._at(self._now + TICK, self._tick)

    def _scale(self) -> None:
        decision = self.policy.decide(self._facts())
        for pk in decision.stop:
            self._gone(self._servers[pk])
        for _ in range(decision.start):
            self._server()

    def _facts(self) -> Facts:
        now = self._now
        runs = [*self._runs[TRAINING], *self._runs[EVALUATION]]
        waiting = sum(map(len, self._queues.values()))
        while self._came and self._came[0] < now - LATELY:
            self._came.popleft()
        measures = Measures(
            run=fmean(runs) if runs else None,
            start=median(self._starts) if self._starts else None,
            rate=len(self._came) / LATELY,
        )
        machines = tuple(
            Machine(
                server.id,
                not server.ready,
                now - server.ordered_at,
                None if server.job is not None else now - server.free_since,
                server.job is not None,
                now - server.billed_from if server.billed_from is not None else None,
            )
            for server in self._servers.values()
        )
        return Facts(MIDNIGHT + timedelta(seconds=now), self.policy.rules, measures, waiting, machines=machines)

    def _server(self, *, ready: bool = False) -> None:
        self._number += 1
        server = Server(self._number, self._now, free_since=self._now)
        self._servers[server.id] = server
        self.outcome.most = max(self.outcome.most, len(self._servers))
        if ready:
            server.billed_from, server.ready = self._now, True
            self._free.append(server.id)
            return
        self._at(self._now + self._random.lognormvariate(log(ORDERED[0]), ORDERED[1]), self._running, server.id)

    def _running(self, pk: int) -> None:
        self._servers[pk].billed_from = self._now
        self._at(self._now + BOOT, self._ready, pk)
        if self._interruptions:
            self._at(self._now + self._random.expovariate(self._interruptions / HOUR), self._interrupt, pk)

    def _ready(self, pk: int) -> None:
        server = self._servers.get(pk)
        if server is not None:
            server.ready, server.free_since = True, self._now
            self._starts.append(self._now - server.ordered_at)
            self._claim(pk)

    def _interrupt(self, pk: int) -> None:
        """A spot machine is taken away: its job goes on elsewhere, from its checkpoint and before all others."""
        server = self._servers.get(pk)
        if server is None:
            return
        job = server.job
        if job is not None:
            worked = self._now - server.began
            self.outcome.busy += worked
            self.outcome.interrupted += 1
            job.seconds -= max(0.0, worked - self._random.uniform(0, CHECKPOINT))
            self._queues[job.kind].appendleft(job)
        self._gone(server)
        if job is not None and self._free:
            self._claim(self._free.pop())

    def _gone(self, server: Server) -> None:
        if server.billed_from is not None:
            until = END if self._is_fixed else self._now
            self.outcome.billed += ceil(max(0.0, until - server.billed_from) / BILLING_UNIT) * BILLING_UNIT
        if server.id in self._free:
            self._free.remove(server.id)
        del self._servers[server.id]
