"""The verdict over a run: pure functions from what was seen to figures and sentences. Tested on made-up evidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from statistics import quantiles
from typing import Any

from tests.faults.chaos.ledger import TERMINAL, Grade, Order, Recovery, Write
from tests.faults.chaos.machines import Account, Bill, Machine, account

CLASSES = frozenset(
    {"infrastructure", "no_capacity", "out_of_memory", "invalid_input", "time_limit", "cancelled", "held_back"}
)


@dataclass(frozen=True)
class Outcome:
    """A job as the API shows it at the end."""

    state: str
    failure: str = ""
    attempt: int = 1


@dataclass(frozen=True)
class Evidence:
    """What was seen of a run. Grades by (learner, exercise); objects by key."""

    orders: list[Order]
    outcomes: Mapping[str, Outcome]  # by job, asked of the API by the learner who ordered it
    endings: Mapping[str, int]  # by job: terminal events in the event log
    repeated_events: int
    grades: list[Grade]  # applied by the receiver, in their order
    best_scores: Mapping[tuple[str, str], float | None]  # asked of the API
    scored: Mapping[str, tuple[str, str]]  # by submission: learner and exercise
    jobs: Mapping[str, Mapping[str, Any]]  # every row of the database
    results: Mapping[str, int]  # by job: models, predictions, scores
    named: Mapping[str, str]  # keys that rows name, and which row
    leftovers: list[str]  # prefixes of attempts that the database knows
    bucket: frozenset[str]  # the listing
    processes: list[str] = field(default_factory=list)  # what outlived the end of its runner
    living: int = 0  # attempts that live although their job has ended
    dead_grades: int = 0
    stale_rejected: int = 0
    writes: list[Write] = field(default_factory=list)  # of runners, accepted
    recoveries: list[Recovery] = field(default_factory=list)
    ended_at: Mapping[str, float] = field(default_factory=dict)  # by "job/attempt", when the service ended it
    attempt_outcomes: Mapping[str, str] = field(default_factory=dict)  # by "job/attempt"
    machines: list[Machine] = field(default_factory=list)  # the cloud's ledger
    bills: list[Bill] = field(default_factory=list)  # the service's
    runners: list[str] = field(default_factory=list)  # that the service still counts on, of a pool that starts its own


@dataclass(frozen=True)
class Spread:
    """Median and 95th percentile of some seconds; zero without any."""

    p50: float
    p95: float
    count: int

    @classmethod
    def of(cls, seconds: list[float]) -> Spread:
        if len(seconds) < 2:
            only = seconds[0] if seconds else 0.0
            return cls(only, only, len(seconds))
        steps = quantiles(seconds, n=20, method="inclusive")
        return cls(steps[9], steps[18], len(seconds))

    def __str__(self) -> str:
        return f"p50 {self.p50:.1f} s, p95 {self.p95:.1f} s (of {self.count})"


@dataclass(frozen=True)
class Verdict:
    """The figures, and a sentence for each thing that must not be."""

    submitted: int
    acknowledged: int
    succeeded: int
    failed: Counter[str]
    lost: list[str]
    duplicated: list[str]
    orphans: list[str]
    unclassed: list[str]
    stale_rejected: int
    stale_accepted: list[str]
    leftovers: int
    recovery: Spread
    noticed: Spread
    account: Account = field(default_factory=Account)

    @property
    def failed_jobs(self) -> int:
        """Jobs that failed; those that a learner cancelled did not."""
        return self.failed.total() - self.failed["cancelled"] + len(self.unclassed)

    @property
    def is_clean(self) -> bool:
        return not (
            self.lost
            or self.duplicated
            or self.orphans
            or self.unclassed
            or self.stale_accepted
            or self.account.unaccounted
        )

    def lines(self) -> list[str]:
        """The report."""
        reasons = ", ".join(f"{name} {count}" for name, count in sorted(self.failed.items())) or "none"
        return [
            f"submitted {self.submitted}",
            f"acknowledged {self.acknowledged}",
            f"succeeded {self.succeeded}",
            f"failed with reason {self.failed.total()} ({reasons})",
            f"failed without a class {len(self.unclassed)}",
            f"lost {len(self.lost)}",
            f"duplicated effects {len(self.duplicated)}",
            f"stale writes rejected {self.stale_rejected}",
            f"stale writes accepted {len(self.stale_accepted)}",
            f"orphans {len(self.orphans)} (objects of ended attempts, swept by retention: {self.leftovers})",
            f"recovery {self.recovery} from the fault to the next claim",
            f"          {self.noticed} of these until the service ended the attempt",
            *self.account.lines(),
        ]

    def sentences(self) -> list[str]:
        """What must not be, one sentence each."""
        return [
            *(f"LOST: {line}" for line in self.lost),
            *(f"DUPLICATED: {line}" for line in self.duplicated),
            *(f"ORPHAN: {line}" for line in self.orphans),
            *(f"WITHOUT A CLASS: {line}" for line in self.unclassed),
            *(f"STALE WRITE ACCEPTED: {line}" for line in self.stale_accepted),
            *(f"UNACCOUNTED: {line}" for line in self.account.unaccounted),
        ]


def judge(evidence: Evidence) -> Verdict:
    """The verdict. Every order ended, once, and its effects are there once, or a class of failure."""
    ordered = {job for order in evidence.orders for job in order.jobs}
    ended = {job: evidence.outcomes[job] for job in ordered if job in evidence.outcomes}
    failed = {job: each for job, each in ended.items() if each.state in ("failed", "cancelled")}
    orphans, leftovers = _orphans(evidence)
    paid = account(evidence.machines, evidence.bills, evidence.runners)
    return Verdict(
        submitted=len(evidence.orders),
        acknowledged=sum(bool(order.jobs) for order in evidence.orders),
        succeeded=sum(each.state == "succeeded" for each in ended.values()),
        failed=Counter(each.failure for each in failed.values() if each.failure in CLASSES),
        lost=list(_lost(evidence, ordered)),
        duplicated=list(_duplicated(evidence, ordered)),
        orphans=[*orphans, *paid.orphans],
        unclassed=[f"job {job} is {each.state}" for job, each in failed.items() if each.failure not in CLASSES],
        stale_rejected=evidence.stale_rejected,
        stale_accepted=list(_stale_accepted(evidence)),
        leftovers=leftovers,
        recovery=Spread.of([each.seconds for each in evidence.recoveries]),
        noticed=Spread.of(
            [
                evidence.ended_at[f"{each.job}/{each.attempt}"] - each.hurt_at
                for each in evidence.recoveries
                if f"{each.job}/{each.attempt}" in evidence.ended_at
            ]
        ),
        account=paid,
    )


def _lost(evidence: Evidence, ordered: set[str]) -> Iterator[str]:
    for order in evidence.orders:
        if not order.jobs:
            yield f"order {order.key} ({order.kind}) was never acknowledged. {order.refusal}"
    for job in sorted(ordered):
        outcome = evidence.outcomes.get(job)
        if outcome is None:
            yield f"job {job} was acknowledged and is unknown now"
        elif outcome.state not in TERMINAL:
            yield f"job {job} is still {outcome.state} in attempt {outcome.attempt}"
        elif evidence.endings.get(job, 0) == 0:
            yield f"job {job} is {outcome.state}, and no event ever said so"
        elif outcome.state == "succeeded" and evidence.results.get(job, 0) == 0:
            yield f"job {job} succeeded and left nothing"
    for key, owner in sorted(evidence.named.items()):
        if key not in evidence.bucket and owner != "upload":  # an upload's row comes before its object
            yield f"{owner} names {key}, which the bucket does not have"
    newest = {(grade.learner, grade.usage): grade for grade in evidence.grades}
    for place in sorted(set(evidence.scored.values())):
        grade, best = newest.get(place), evidence.best_scores.get(place)
        if grade is None:
            yield f"the grade of {place} never arrived"
        elif best is None or abs(grade.score - best) > 1e-9:
            yield f"the grade of {place} is {grade.score} in the LMS and {best} in the service"
    if evidence.dead_grades:
        yield f"{evidence.dead_grades} grade deliveries were given up"


def _duplicated(evidence: Evidence, ordered: set[str]) -> Iterator[str]:
    for order in evidence.orders:
        if len(order.jobs) > 1:
            yield f"order {order.key} became {len(order.jobs)} jobs: {', '.join(sorted(order.jobs))}"
    for job in sorted(set(evidence.jobs) - ordered):
        yield f"job {job} exists and was acknowledged to nobody"
    for job, count in sorted(evidence.endings.items()):
        if count > 1:
            yield f"job {job} ended {count} times"
    for job, row in sorted(evidence.jobs.items()):
        if row["succeeded"] > 1:
            yield f"job {job} has {row['succeeded']} attempts that succeeded"
        if evidence.results.get(job, 0) > 1:
            yield f"job {job} left {evidence.results[job]} results"
        if evidence.results.get(job, 0) and row["state"] != "succeeded":
            yield f"job {job} is {row['state']} and left a result"
    if evidence.repeated_events:
        yield f"{evidence.repeated_events} events came twice"
    applied = Counter(grade.submission for grade in evidence.grades if grade.reason == "scored")
    for submission, count in sorted(applied.items()):
        if count > 1:
            yield f"submission {submission} was graded {count} times"
        if submission not in evidence.scored:
            yield f"submission {submission} was graded without a score"
    revisions = Counter((grade.learner, grade.usage, grade.revision) for grade in evidence.grades)
    for place, count in sorted(revisions.items()):
        if count > 1:
            yield f"revision {place} was applied {count} times"


def _stale_accepted(evidence: Evidence) -> Iterator[str]:
    """Writes that counted although their attempt was over. Telling the same end once more changes nothing."""
    for write in evidence.writes:
        name = f"{write.job}/{write.attempt}"
        is_over = write.overtaken or write.asked_at > evidence.ended_at.get(name, float("inf"))
        is_repeat = write.call == "finish" and write.outcome == evidence.attempt_outcomes.get(name)
        if is_over and not is_repeat:
            why = "a later attempt was held" if write.overtaken else "the service had ended it"
            yield f"{write.call} of attempt {write.attempt} of job {write.job} after {why}"


def _orphans(evidence: Evidence) -> tuple[list[str], int]:
    """Objects that neither a row nor a known attempt explains, and how many lie below ended attempts."""
    prefixes = frozenset(evidence.leftovers)
    orphans = [*evidence.processes]
    leftovers = 0
    for key in sorted(evidence.bucket - set(evidence.named)):
        parts = key.split("/")
        if any("/".join(parts[:depth]) + "/" in prefixes for depth in range(1, len(parts))):
            leftovers += 1
        else:
            orphans.append(f"object {key}")
    if evidence.living:
        orphans.append(f"{evidence.living} attempts live although their jobs have ended")
    return orphans, leftovers
