"""One chaos run: start the world, let learners order under a storm of faults, wait until it is quiet, and judge."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import time
from collections.abc import Callable
from typing import Any

from axons_demo import objects
from axons_xblock.tokens import Identity
from tests.faults.chaos import cloud_actions
from tests.faults.chaos.actions import deck, storm
from tests.faults.chaos.cloud import say_mood
from tests.faults.chaos.ledger import Ledger
from tests.faults.chaos.machines import Bill
from tests.faults.chaos.students import Budget, Refused, Student
from tests.faults.chaos.units import keep_alive
from tests.faults.chaos.verdict import Evidence, Outcome, Verdict, judge
from tests.faults.chaos.world import World, running_world

COURSE = "course-v1:Chaos+1+2026"
EXERCISES = 4
UNDER_FIRE = 0.9  # the share of jobs that end before the faults do
PROGRESS_SECONDS = 10.0
QUIET_SECONDS = 300.0
GRADES_SECONDS = 180.0
IDLE_SECONDS = 60.0  # a machine that is idle for 4 s is stopped, and may take 12 s to end
BILLS_SECONDS = 5.0  # three rounds in which the service sees that they are gone

Say = Callable[[str], None]


async def chaos(
    *,
    jobs: int,
    seed: int,
    runners: int,
    students: int,
    pace: float,
    only: str,
    fencing: bool,
    say: Say,
    cloud: bool = False,
) -> Verdict:
    """Run and judge; with `cloud`, on machines of one that fails. Raises UnitError when the world does not come up."""
    rng = random.Random(seed)
    ledger = Ledger()
    began = time.monotonic()
    cards = cloud_actions.deck(only) if cloud else deck(only, fencing)
    async with running_world(ledger, rng, runners=runners, fencing=fencing, say=say, cloud=cloud) as world:
        budget = Budget(jobs)
        learners = [_student(world, budget, number, rng) for number in range(students)]
        keeping = asyncio.create_task(keep_alive(world.everything))
        over = asyncio.Event()
        storming = asyncio.create_task(storm(world, random.Random(rng.random()), pace, cards, over))
        telling = asyncio.create_task(_tell(world, began, say))
        studying = [asyncio.create_task(learner.run()) for learner in learners]
        try:
            await _under_fire(budget, ledger, jobs, storming, studying)
            say("all is ordered and most has ended; the faults stop")
            over.set()
            await storming
            for proxy in world.proxies:
                proxy.weather.calm = True
            if world.cloud is not None:
                world.cloud.mood.calm = True
            await _quiet(ledger, studying, say)
            await _idle(world)
        finally:
            tasks = (telling, keeping, storming, *studying)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        evidence = await _evidence(world, learners, say)
    say(f"faults dealt: {', '.join(f'{name} {count}' for name, count in sorted(ledger.faults.items()))}")
    say(f"requests broken: web {_broken(world.web)}; object store {_broken(world.s3)}; grades {_broken(world.grades)}")
    if world.cloud is not None and world.cloud_proxy is not None:
        say(f"the cloud's bad days: {say_mood(world.cloud)}; connections: {_broken(world.cloud_proxy)}")
    say(f"grade calls: {dict(ledger.grade_calls)}")
    for line in [*world.surprises(), *ledger.troubles]:
        say(f"NOTICE: {line}")
    say(f"took {time.monotonic() - began:.0f} s")
    return judge(evidence)


def _student(world: World, budget: Budget, number: int, rng: random.Random) -> Student:
    usage = f"block-v1:Chaos+1+2026+type@axons+block@{number % EXERCISES}"
    identity = Identity(f"learner{number:04d}", COURSE, usage, "learner")
    return Student(world.config, identity, world.callback, world.ledger, budget, random.Random(rng.random()))


class Patience:
    """Ends when nothing has ended for a while: then what has not ended is lost."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.ended, self.since = len(ledger.ended), time.monotonic()

    def is_over(self) -> bool:
        if len(self.ledger.ended) > self.ended:
            self.ended, self.since = len(self.ledger.ended), time.monotonic()
        return time.monotonic() - self.since > QUIET_SECONDS


async def _under_fire(
    budget: Budget, ledger: Ledger, jobs: int, storming: asyncio.Task[None], studying: list[asyncio.Task[None]]
) -> None:
    """Return when all is ordered and most has ended; an error of the storm or of a learner is raised here."""
    patience = Patience(ledger)
    while budget.left > 0 or ledger.unanswered or len(ledger.ended) < jobs * UNDER_FIRE:
        for task in (storming, *studying):
            if task.done():
                task.result()
        if patience.is_over():
            return
        await asyncio.sleep(0.5)


async def _quiet(ledger: Ledger, studying: list[asyncio.Task[None]], say: Say) -> None:
    """Wait until every learner's jobs have ended, as long as some still do."""
    patience = Patience(ledger)
    while not all(task.done() for task in studying):
        await asyncio.sleep(0.5)
        if patience.is_over():
            say(f"nothing has ended for {QUIET_SECONDS:.0f} s; what has not ended is lost")
            return
    for task in studying:
        task.result()


async def _idle(world: World) -> None:
    """Wait until every machine has gone for want of work; one that stays is found by the verdict."""
    deadline = time.monotonic() + IDLE_SECONDS
    while world.cloud is not None and time.monotonic() < deadline:
        alive = sum(machine.is_alive for machine in world.cloud.machines())
        if not alive:
            await asyncio.sleep(BILLS_SECONDS)
            return
        await asyncio.sleep(0.5)


async def _evidence(world: World, learners: list[Student], say: Say) -> Evidence:
    """Ask the API as each learner, the database once, and list the bucket."""
    ledger = world.ledger
    found = await _grades_settled(world)
    say("quiet; asking what became of everything")
    outcomes: dict[str, Outcome] = {}
    best: dict[tuple[str, str], float | None] = {}

    async def ask(learner: Student) -> None:
        await learner.read_events()
        bundle = await learner.open()
        best[learner.identity.learner, learner.identity.usage] = bundle["project"]["best_score"]
        for job in ledger.jobs_of(learner.identity.learner):
            with contextlib.suppress(Refused):
                seen = await learner.call("GET", f"/jobs/{job}")
                failure = (seen["failure"] or {}).get("class", "")
                outcomes[job] = Outcome(seen["state"], failure, seen["attempt"])

    await asyncio.gather(*(ask(learner) for learner in learners))
    processes = await world.stop_runners()
    bucket = await asyncio.to_thread(_listing, world.store)
    return Evidence(
        orders=list(ledger.orders.values()),
        outcomes=outcomes,
        endings=ledger.endings,
        repeated_events=ledger.repeats,
        grades=ledger.grades,
        best_scores=best,
        scored={submission: (place[0], place[1]) for submission, place in found["scored"].items()},
        jobs=found["jobs"],
        results=found["results"],
        named=found["named"],
        leftovers=found["leftovers"],
        bucket=bucket,
        processes=processes,
        living=found["living"],
        dead_grades=found["dead"],
        stale_rejected=ledger.fence.rejected,
        writes=ledger.fence.writes,
        attempt_outcomes=found["outcomes"],
        recoveries=ledger.fence.recoveries,
        ended_at=found["ended"],
        machines=world.cloud.machines() if world.cloud is not None else [],
        bills=[Bill(**bill) for bill in found["bills"]],
        runners=found["runners"],
    )


async def _grades_settled(world: World) -> dict[str, Any]:
    """The inventory once no grade is due any more, or after a while."""
    deadline = time.monotonic() + GRADES_SECONDS
    while True:
        found: dict[str, Any] = json.loads(await world.command("-m", "tests.faults.chaos.inventory"))
        if found["due"] == 0 or time.monotonic() > deadline:
            return found
        await asyncio.sleep(2.0)


def _listing(store: objects.Store) -> frozenset[str]:
    pages = objects.client(store).get_paginator("list_objects_v2").paginate(Bucket=store.bucket)
    return frozenset(item["Key"] for page in pages for item in page.get("Contents", []))


async def _tell(world: World, began: float, say: Say) -> None:
    ledger = world.ledger
    while True:
        await asyncio.sleep(PROGRESS_SECONDS)
        say(
            f"{time.monotonic() - began:5.0f} s  submitted {ledger.submitted}  acknowledged {ledger.acknowledged}  "
            f"ended {len(ledger.ended)}  faults {ledger.faults.total()}  stale rejected {ledger.fence.rejected}  "
            f"recoveries {len(ledger.fence.recoveries)}"
        )


def _broken(proxy: Any) -> str:
    return ", ".join(f"{fault} {count}" for fault, count in proxy.counts.items() if count and fault != "none") or "none"
