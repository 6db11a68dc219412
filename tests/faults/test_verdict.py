"""The chaos test's own judgement, on made-up evidence: each thing that must not be turns it red."""

from dataclasses import replace
from itertools import islice
from random import Random
from typing import Any

import pytest

from tests.faults.chaos.actions import DECK, deal, deck
from tests.faults.chaos.ledger import Fence, Grade, Order, Recovery, Write
from tests.faults.chaos.machines import TOLERANCE_SECONDS, Bill, Machine
from tests.faults.chaos.verdict import Evidence, Outcome, judge
from tests.faults.chaos.wire import Message, answer

PLACE = ("ada", "exercise")
MODEL = "sites/1/projects/p/models/m/model.safetensors"


def row(**changes: Any) -> dict[str, Any]:
    return {"kind": "training", "state": "succeeded", "attempt": 1, "failure": "", "succeeded": 1} | changes


def evidence(**changes: Any) -> Evidence:
    """A clean run: a training, its evaluation with a grade, and a training that was cancelled."""
    clean = Evidence(
        orders=[
            Order("a", "training", "ada", {"train"}),
            Order("b", "evaluation", "ada", {"score"}),
            Order("c", "training", "ada", {"stop"}),
        ],
        outcomes={
            "train": Outcome("succeeded"),
            "score": Outcome("succeeded", attempt=3),
            "stop": Outcome("cancelled", "cancelled"),
        },
        endings={"train": 1, "score": 1, "stop": 1},
        repeated_events=0,
        grades=[Grade("ada", "exercise", 1, 0.6, "hand-in", "scored")],
        best_scores={PLACE: 0.6},
        scored={"hand-in": PLACE},
        jobs={"train": row(), "score": row(kind="evaluation"), "stop": row(state="cancelled", succeeded=0)},
        results={"train": 1, "score": 1},
        named={MODEL: "job train"},
        leftovers=["sites/1/projects/p/jobs/stop/attempts/1/"],
        bucket=frozenset({MODEL, "sites/1/projects/p/jobs/stop/attempts/1/checkpoints/c.safetensors"}),
        recoveries=[Recovery("score", number, 100.0, 100.0 + number) for number in (1, 2, 3)],
        ended_at={"score/2": 101.5},
        machines=[Machine("m1", "gpu-1", 30.4), Machine("m2", "gpu-2", 4.0), Machine("m3", "gpu-3")],
        bills=[Bill("m1", "gpu-1", 31.0), Bill("m2", "gpu-2", 4.0), Bill("m3", "gpu-3")],
    )
    return replace(clean, **changes)


def test_a_clean_run_is_clean() -> None:
    verdict = judge(evidence())
    assert verdict.sentences() == []
    assert verdict.is_clean
    assert (verdict.submitted, verdict.acknowledged, verdict.succeeded) == (3, 3, 2)
    assert verdict.failed == {"cancelled": 1}
    assert verdict.leftovers == 1
    assert verdict.recovery.p50 == 2.0
    assert verdict.noticed.p50 == 1.5
    assert (verdict.account.machines, verdict.account.ran, verdict.account.billed) == (3, 34.4, 35.0)
    assert round(verdict.account.widest, 6) == 0.6


LOST = {
    "a job that never ends": {
        "outcomes": {**evidence().outcomes, "train": Outcome("running", attempt=2)},
    },
    "a job that the service forgot": {
        "outcomes": {name: each for name, each in evidence().outcomes.items() if name != "train"},
    },
    "an end that no event told": {"endings": {"train": 1, "stop": 1}},
    "a success without a result": {"results": {"score": 1}},
    "a model whose file is not in the bucket": {"bucket": frozenset()},
    "an order that nobody answered": {"orders": [*evidence().orders, Order("d", "training", "ada")]},
    "a grade that never arrived": {"grades": []},
    "a grade that is not the best score": {"best_scores": {PLACE: 1.0}},
    "a grade that was given up": {"dead_grades": 1},
}


@pytest.mark.parametrize("changes", LOST.values(), ids=LOST.keys())
def test_something_lost_is_found(changes: dict[str, Any]) -> None:
    verdict = judge(evidence(**changes))
    assert len(verdict.lost) == 1, verdict.sentences()
    assert not verdict.is_clean


DUPLICATED = {
    "one order, two jobs": {
        "orders": [Order("a", "training", "ada", {"train", "stop"}), *evidence().orders[1:]],
    },
    "a job that nobody ordered": {"jobs": {**evidence().jobs, "ghost": row(state="failed", succeeded=0)}},
    "two ends of one job": {"endings": {"train": 2, "score": 1, "stop": 1}},
    "two attempts that succeeded": {"jobs": {**evidence().jobs, "train": row(succeeded=2)}},
    "two results of one job": {"results": {"train": 2, "score": 1}},
    "a result of a job that was cancelled": {"results": {"train": 1, "score": 1, "stop": 1}},
    "an event that came twice": {"repeated_events": 1},
    "a submission graded twice": {
        "grades": [*evidence().grades, Grade("ada", "exercise", 2, 0.6, "hand-in", "scored")],
    },
    "a grade without a score behind it": {
        "grades": [Grade("ada", "exercise", 1, 0.6, "ghost", "scored"), replace(evidence().grades[0], revision=2)],
    },
    "one revision applied twice": {
        "grades": [Grade("ada", "exercise", 1, 0.2, "hand-in", "override"), *evidence().grades],
    },
}


@pytest.mark.parametrize("changes", DUPLICATED.values(), ids=DUPLICATED.keys())
def test_something_done_twice_is_found(changes: dict[str, Any]) -> None:
    verdict = judge(evidence(**changes))
    assert len(verdict.duplicated) == 1, verdict.sentences()
    assert not verdict.is_clean


ORPHANS = {
    "an object that no row names": {"bucket": evidence().bucket | {"sites/1/projects/p/models/other/model.json"}},
    "a prefix that only looks like a known one": {
        "bucket": evidence().bucket | {"sites/1/projects/p/jobs/stop/attempts/10/checkpoints/c.safetensors"},
    },
    "a process that outlived its runner": {"processes": ["process 7"]},
    "an attempt that lives in a job that ended": {"living": 1},
    "a machine that nobody knows": {"machines": [*evidence().machines, Machine("m4", "gpu-4", 1.0, is_alive=True)]},
    "a machine that stays although nothing is left to do": {
        "machines": [*evidence().machines, Machine("m4", "gpu-4", 0.0, is_alive=True)],
        "runners": ["gpu-4"],
    },
    "a runner that the service counts on and no machine is behind": {"runners": ["gpu-1"]},
}


@pytest.mark.parametrize("changes", ORPHANS.values(), ids=ORPHANS.keys())
def test_an_orphan_is_found(changes: dict[str, Any]) -> None:
    verdict = judge(evidence(**changes))
    assert len(verdict.orphans) == 1, verdict.sentences()
    assert not verdict.is_clean


UNACCOUNTED = {
    "a machine without a bill": {"machines": [*evidence().machines, Machine("m4", "gpu-4", 2.5)]},
    "a second one under one name": {"machines": [*evidence().machines, Machine("m4", "gpu-1", 30.4)]},
    "a bill that ends too early": {"bills": [Bill("m1", "gpu-1", 28.0), *evidence().bills[1:]]},
    "a bill that ends too late": {"bills": [Bill("m1", "gpu-1", 33.0), *evidence().bills[1:]]},
    "a bill that never ends": {"bills": [Bill("m1", "gpu-1", 31.0, is_closed=False), *evidence().bills[1:]]},
    "a bill of a machine that never was": {"bills": [*evidence().bills, Bill("m9", "gpu-9", 3.0)]},
}


@pytest.mark.parametrize("changes", UNACCOUNTED.values(), ids=UNACCOUNTED.keys())
def test_a_second_that_is_not_accounted_for_is_found(changes: dict[str, Any]) -> None:
    verdict = judge(evidence(**changes))
    assert len(verdict.account.unaccounted) == 1, verdict.sentences()
    assert verdict.orphans == []
    assert "unaccounted 1" in verdict.lines()
    assert not verdict.is_clean


def test_a_begun_second_is_no_difference() -> None:
    exact = Machine("m1", "gpu-1", 31.0 + TOLERANCE_SECONDS)
    assert judge(evidence(machines=[exact, *evidence().machines[1:]])).is_clean
    assert not judge(evidence(machines=[replace(exact, seconds=33.1), *evidence().machines[1:]])).is_clean


def test_a_failure_without_a_class_is_found() -> None:
    verdict = judge(evidence(outcomes={**evidence().outcomes, "stop": Outcome("failed", "")}))
    assert verdict.unclassed == ["job stop is failed"]
    assert not verdict.is_clean


def test_a_stale_write_that_counted_is_found() -> None:
    late = Write("score", 2, "events", "", 101.6)
    verdict = judge(evidence(writes=[replace(late, asked_at=101.4), late]))
    assert len(verdict.stale_accepted) == 1
    assert not verdict.is_clean
    assert len(judge(evidence(writes=[replace(late, asked_at=0.0, overtaken=True)])).stale_accepted) == 1


def test_a_repeated_last_word_is_no_stale_write() -> None:
    ends = {"attempt_outcomes": {"score/2": "released"}}
    last = Write("score", 2, "finish", "released", 101.6, overtaken=True)
    assert judge(evidence(writes=[last], **ends)).is_clean
    assert not judge(evidence(writes=[replace(last, outcome="succeeded")], **ends)).is_clean


def claim(fence: Fence, attempt: int, runner: str, at: float, *, arrived: bool = True) -> None:
    body = Message("POST /runner/v1/claim HTTP/1.1", [], f'{{"runner": {{"name": "{runner}"}}}}'.encode())
    fence.observe(body, answer(200, {"job": "j", "attempt": attempt}), at, arrived)


def write(fence: Fence, attempt: int, status: int, at: float, call: str = "events", outcome: str = "succeeded") -> None:
    data = f'{{"attempt": {attempt}, "outcome": "{outcome}"}}'.encode()
    fence.observe(Message(f"POST /runner/v1/jobs/j/{call} HTTP/1.1", [], data), answer(status, {}), at, True)


LATER = float("inf")


def test_the_fence_tells_a_stale_write_from_a_late_answer() -> None:
    fence = Fence()
    claim(fence, 1, "one", 0.0)
    claim(fence, 2, "two", 0.0)
    write(fence, 1, 200, 0.0)  # asked before the second claim was answered
    write(fence, 1, 409, LATER)
    assert fence.rejected == 1
    write(fence, 1, 200, LATER)
    assert [each.overtaken for each in fence.writes] == [False, True]


def test_a_heartbeat_that_crosses_its_own_finish_is_no_stale_write() -> None:
    fence = Fence()
    claim(fence, 1, "one", 0.0)
    write(fence, 1, 200, 0.0, "finish")
    write(fence, 1, 409, 0.0)
    write(fence, 1, 200, LATER)
    assert fence.rejected == 0
    assert [each.call for each in fence.writes] == ["finish"]


def test_recovery_is_measured_from_the_fault_to_the_next_claim() -> None:
    fence = Fence()
    claim(fence, 1, "one", 0.0)
    fence.fault("two")
    claim(fence, 2, "two", 0.0)
    assert fence.recoveries == []  # nothing had happened to its holder
    fence.fault("two")
    claim(fence, 3, "one", 0.0)
    assert len(fence.recoveries) == 1


def test_an_answer_to_a_claim_that_got_lost_is_a_fault_of_its_holder() -> None:
    fence = Fence()
    claim(fence, 1, "one", 0.0, arrived=False)
    claim(fence, 2, "one", 0.0)
    assert len(fence.recoveries) == 1


def test_a_seed_deals_the_same_faults_and_every_kind_before_any_comes_again() -> None:
    cards = [action for _, action in islice(deal(Random(5), 1.0, deck()), 2 * len(DECK))]
    assert cards == [action for _, action in islice(deal(Random(5), 1.0, deck()), 2 * len(DECK))]
    assert sorted(each.__name__ for each in cards[: len(DECK)]) == sorted(each.__name__ for each in DECK)
    assert cards != [action for _, action in islice(deal(Random(6), 1.0, deck()), 2 * len(DECK))]
