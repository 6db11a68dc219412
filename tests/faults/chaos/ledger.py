"""What was seen from outside, as it happened: orders and acknowledgements, runner traffic, grades that arrived."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.faults.chaos.wire import Message

TERMINAL = ("succeeded", "failed", "cancelled")


@dataclass
class Order:
    """One request for a job, repeated under its key until acknowledged. `jobs` are all ids ever answered for it."""

    key: str
    kind: str
    learner: str
    jobs: set[str] = field(default_factory=set)
    refusal: str = ""


@dataclass(frozen=True)
class Grade:
    """A revision that the receiver applied, as the XBlock would."""

    learner: str
    usage: str
    revision: int
    score: float
    submission: str
    reason: str


@dataclass
class Ledger:
    """Everything that the verdict needs and only the run itself can see."""

    orders: dict[str, Order] = field(default_factory=dict)
    endings: Counter[str] = field(default_factory=Counter)  # by job: terminal events in its project's event log
    repeats: int = 0  # events with a number that their job had already
    ended: set[str] = field(default_factory=set)
    grades: list[Grade] = field(default_factory=list)
    grade_calls: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    troubles: list[str] = field(default_factory=list)  # what an action could not do
    fence: Fence = field(default_factory=lambda: Fence())

    def jobs_of(self, learner: str) -> set[str]:
        """The jobs that this learner was told of."""
        return {job for order in self.orders.values() if order.learner == learner for job in order.jobs}

    @property
    def submitted(self) -> int:
        return len(self.orders)

    @property
    def unanswered(self) -> int:
        """Orders that were neither acknowledged nor refused."""
        return sum(not (order.jobs or order.refusal) for order in self.orders.values())

    @property
    def acknowledged(self) -> int:
        return sum(bool(order.jobs) for order in self.orders.values())


@dataclass(frozen=True)
class Recovery:
    """From a fault on the holder of an attempt to the claim of a later one; wall-clock seconds."""

    job: str
    attempt: int
    hurt_at: float
    claimed_at: float

    @property
    def seconds(self) -> float:
        return self.claimed_at - self.hurt_at


@dataclass(frozen=True)
class Write:
    """A runner's write that the service accepted. `overtaken`: asked after a later attempt had been given away."""

    job: str
    attempt: int
    call: str
    outcome: str  # of a finish
    asked_at: float
    overtaken: bool = False


class Fence:
    """Watches the runners' requests through the proxy: who holds which attempt, and what old attempts still say."""

    def __init__(self) -> None:
        self.newest: dict[str, int] = {}  # by job: the highest attempt that any runner was given
        self.holder: dict[str, str] = {}  # by job: the runner of that attempt, until its finish was answered
        self.claimed_at: dict[tuple[str, int], float] = {}
        self.hurt: dict[str, tuple[int, float]] = {}  # by job: attempt and moment of the fault that hit its holder
        self.recoveries: list[Recovery] = []
        self.finished: set[tuple[str, int]] = set()
        self.rejected = 0
        self.writes: list[Write] = []

    def observe(self, request: Message, response: Message, asked_at: float, arrived: bool) -> None:
        """One request of a runner and its answer; `arrived` is false when the proxy kept the answer."""
        if request.path == "/runner/v1/claim":
            if response.status == 200:
                self._claimed(request.json(), response.json(), arrived)
        elif request.path.startswith("/runner/v1/jobs/"):
            self._written(request, response, asked_at)

    def fault(self, runner: str) -> None:
        """This runner was just killed, frozen or cut off: its jobs' recovery begins now."""
        for job, holder in self.holder.items():
            if holder == runner and job not in self.hurt:
                self.hurt[job] = (self.newest[job], time.time())

    def _claimed(self, request: Any, assignment: Any, arrived: bool) -> None:
        job, attempt = assignment["job"], int(assignment["attempt"])
        self.newest[job] = max(attempt, self.newest.get(job, 0))
        self.holder[job] = request["runner"]["name"]
        now = time.time()
        self.claimed_at[job, attempt] = now
        hurt = self.hurt.pop(job, None)
        if hurt is not None and attempt > hurt[0]:
            self.recoveries.append(Recovery(job, hurt[0], hurt[1], now))
        if not arrived:  # nobody knows that they hold it
            self.hurt[job] = (attempt, now)

    def _written(self, request: Message, response: Message, asked_at: float) -> None:
        _, _, _, _, job, call = request.path.split("/", 5)
        body = request.json()
        attempt = int(body["attempt"])
        newest = self.newest.get(job, 0)
        if (job, attempt) in self.finished and call == "events":
            return  # a heartbeat that crosses its own finish is no stale write, refused or not
        if response.status == 409:
            self.rejected += 1
        elif response.status < 300:
            overtaken = attempt < newest and asked_at > self.claimed_at.get((job, newest), float("inf"))
            self.writes.append(Write(job, attempt, call, str(body.get("outcome", "")), asked_at, overtaken))
            if call == "finish":
                self.finished.add((job, attempt))
        if (job, attempt) in self.finished and attempt == newest:
            self.holder.pop(job, None)
            self.hurt.pop(job, None)
