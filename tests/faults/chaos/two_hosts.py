"""`ip netns exec SERVICE python -m tests.faults.chaos.two_hosts --peer RUNNER`: the runners are on another host.

This process, the service and its servers are in one network namespace, the runners in another, and a veth pair is all
there is between them. The cable is pulled out under running jobs for longer than their lease; then it is a bad line:
200 ms more each way, and 2 % of the connections are reset. Every job must succeed, and nothing happen twice.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import sys
import time
from dataclasses import dataclass, field
from typing import Any, LiteralString

import psycopg

from scripts.services import lifecycle
from tests.faults.chaos import run
from tests.faults.chaos.hosts import SERVICE_ADDRESS, cable, within
from tests.faults.chaos.ledger import Ledger
from tests.faults.chaos.link import Link
from tests.faults.chaos.rolling import HELD, OUTCOMES
from tests.faults.chaos.students import Budget
from tests.faults.chaos.units import Unit, UnitError, keep_alive
from tests.faults.chaos.verdict import Verdict, judge
from tests.faults.chaos.world import World, _runner, running_world

RUNNERS, TRAINING_SLOTS, STUDENTS, JOBS = 2, 3, 6, 24
LEASE_SECONDS = 15
CUT_SECONDS = 60.0
AT_ONCE = 5  # jobs that run when the cable is pulled out
STEP_SECONDS = 0.2  # eight steps an epoch, one to four epochs: a training takes 2 to 7 s
BUSY_SECONDS = 60.0


@dataclass
class Report:
    """What was seen."""

    running: int = 0  # jobs at the moment of the cut
    crossed: int = 0  # connections during the cut: there can be none
    links: tuple[Link, ...] = ()
    strangers: int = 0  # runners that are not on the other host
    outcomes: dict[str, int] = field(default_factory=dict)
    surprises: list[str] = field(default_factory=list)
    verdict: Verdict | None = None

    @property
    def resets(self) -> int:
        return sum(link.resets for link in self.links)

    @property
    def failed(self) -> int:
        return 0 if self.verdict is None else self.verdict.failed_jobs

    @property
    def is_clean(self) -> bool:
        return (
            self.verdict is not None
            and self.verdict.is_clean
            and not (self.failed or self.surprises or self.crossed or self.strangers)
            and self.running >= AT_ONCE
            and self.resets > 0
            and self.outcomes.get("lost", 0) > 0
        )

    def lines(self) -> list[str]:
        verdict = [*self.verdict.sentences()[:20], *self.verdict.lines()] if self.verdict else []
        return [
            *self.surprises,
            *verdict,
            f"runners on the service's host {self.strangers}",
            f"cable out for {CUT_SECONDS:.0f} s under {self.running} running jobs, lease {LEASE_SECONDS} s; "
            f"connections meanwhile {self.crossed}",
            f"connections over the bad line {sum(link.bad_connections for link in self.links)}, reset {self.resets}",
            f"attempts: {', '.join(f'{name} {count}' for name, count in sorted(self.outcomes.items()))}",
            f"failed jobs {self.failed}",
        ]


async def two_hosts(peer: str, seed: int) -> Report:
    """Run once. Raises UnitError when something does not come up, or too little runs."""
    os.environ["CHAOS_LEASE_SECONDS"] = str(LEASE_SECONDS)
    rng, ledger = random.Random(seed), Ledger()
    web, s3 = lifecycle.free_ports(2)
    changes = {
        "AXONS_S3_PUBLIC_ENDPOINT": f"http://{SERVICE_ADDRESS}:{s3}",
        "AXONS_ALLOWED_HOSTS": f"127.0.0.1,localhost,{SERVICE_ADDRESS}",
    }
    async with running_world(ledger, rng, runners=0, fencing=True, say=say, changes=changes) as world:
        for proxy in world.proxies:
            proxy.weather.calm = True
        report = Report(
            links=(
                Link(web, world.web.port, random.Random(rng.random())),
                Link(s3, world.s3.port, random.Random(rng.random())),
            )
        )
        for link in report.links:
            await link.start()
        world.runners = [_far_runner(world, peer, web, number) for number in range(1, RUNNERS + 1)]
        for runner in world.runners:
            runner.launch()
        budget = Budget(JOBS)
        learners = [run._student(world, budget, number, rng) for number in range(STUDENTS)]
        keeping = asyncio.create_task(keep_alive(world.everything))
        studying = [asyncio.create_task(learner.run()) for learner in learners]
        try:
            await _cut(world, report)
            for link in report.links:
                link.is_bad = True
            say("the cable is in again; the line is bad from now on")
            await run._quiet(ledger, studying, say)
        finally:
            for task in (keeping, *studying):
                task.cancel()
            await asyncio.gather(keeping, *studying, return_exceptions=True)
        report.surprises = world.surprises()
        report.verdict = judge(await run._evidence(world, learners, say))
        report.outcomes = dict(await asyncio.to_thread(_rows, world, OUTCOMES))
        for link in report.links:
            await link.stop()
    return report


async def _cut(world: World, report: Report) -> None:
    """Pull the cable out under running jobs, and plug it in again when all their leases are long over."""
    deadline = time.monotonic() + BUSY_SECONDS
    while (running := int((await asyncio.to_thread(_rows, world, HELD))[0][0])) < AT_ONCE:
        if time.monotonic() > deadline:
            raise UnitError(f"only {running} jobs run at once on the other host; {AT_ONCE} were wanted")
        await asyncio.sleep(0.2)
    here = os.readlink("/proc/self/ns/net")
    report.strangers = sum(os.readlink(f"/proc/{unit.pid}/ns/net") == here for unit in world.runners)
    report.running = running
    say(f"pulling the cable out under {running} running jobs")
    for runner in world.runners:
        world.ledger.fence.fault(runner.name)
    await asyncio.to_thread(cable, plugged=False)
    try:
        await asyncio.sleep(1.0)  # what was accepted before is served meanwhile
        web, _ = report.links  # to the object store, learners here go through the other one
        before = web.connections
        await asyncio.sleep(CUT_SECONDS - 1.0)
        report.crossed = web.connections - before
    finally:
        await asyncio.to_thread(cable, plugged=True)


def _far_runner(world: World, peer: str, port: int, number: int) -> Unit:
    """A runner on the other host, which knows the service by its address there. No clock of it is moved."""
    unit = _runner(world, 2 * number - 1)
    near = f"http://127.0.0.1:{world.web.port}"
    unit.argv = [
        *within(peer),
        *(f"http://{SERVICE_ADDRESS}:{port}" if part == near else part for part in unit.argv),
    ]
    unit.environment |= {"CHAOS_TRAINING_SLOTS": str(TRAINING_SLOTS), "CHAOS_STEP_SECONDS": str(STEP_SECONDS)}
    return unit


def _rows(world: World, statement: LiteralString) -> list[tuple[Any, ...]]:
    with psycopg.connect(world.environment["AXONS_DATABASE_URL"]) as connection:
        return connection.execute(statement).fetchall()


def say(line: str) -> None:
    """Print at once: a run takes minutes."""
    print(line, flush=True)


def main() -> int:
    """Run once and print the report; 1 when anything was lost or done twice."""
    parser = argparse.ArgumentParser(prog="two_hosts", description="Service and runners on different hosts.")
    parser.add_argument("--peer", required=True, help="the network namespace of the runners")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    began = time.monotonic()
    try:
        report = asyncio.run(_cancellable(given.peer, given.seed))
    except (UnitError, lifecycle.ServiceError, asyncio.CancelledError) as error:
        print(f"two_hosts: {error}", file=sys.stderr)
        return 1
    for line in [*report.lines(), f"took {time.monotonic() - began:.0f} s"]:
        say(line)
    return 0 if report.is_clean else 1


async def _cancellable(peer: str, seed: int) -> Report:
    running = asyncio.current_task()
    assert running is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    return await two_hosts(peer, seed)


if __name__ == "__main__":
    sys.exit(main())
