"""`python -m tests.faults.chaos.rolling`: everything is restarted in turn, as a deployment does, under running jobs.

Web and worker: the new one is there before the old one is asked to go. Beat and runners: one after the other; a runner
gives its jobs back. Four test agents have several training slots each, so that many jobs run at once; what their
children compute is shortened (`shortened`), everything else is shipped code.

A claim whose answer crosses with the end of its runner is a lost attempt: its job waits for the lease and is begun by
another. The report counts such; they are no failed jobs.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import psycopg

from axons_demo import objects
from scripts.services import lifecycle
from tests.faults.chaos import run
from tests.faults.chaos.ledger import Ledger
from tests.faults.chaos.students import Budget, Student
from tests.faults.chaos.units import Unit, UnitError, keep_alive
from tests.faults.chaos.verdict import Verdict, judge
from tests.faults.chaos.world import World, _runner, _service_unit, running_world

RUNNERS, TRAINING_SLOTS, STUDENTS = 4, 7, 14
AT_ONCE = 20  # jobs that run at the moment of every restart
STEP_SECONDS = 0.4  # eight steps an epoch, one to four epochs: a training takes 3 to 13 s
BUSY_SECONDS = 120.0
LEAVE_SECONDS = 60.0  # what is left after that is killed
HELD = "SELECT count(*) FROM axons_jobs_job WHERE state IN ('preparing', 'running', 'finishing')"
# Of an evaluation, these kinds tell of the hidden test set: they reach no learner by design.
STAFF_KINDS = ("log", "metrics", "resources")
EVENTS = """
SELECT event.job_id::text, event.seq, job.kind = 'evaluation' AND event.kind = ANY(%s)
FROM axons_jobs_event event JOIN axons_jobs_job job ON job.id = event.job_id
"""
EPOCHS = """
SELECT job.id::text, (job.hyperparameters->>'epochs')::int,
       (SELECT count(DISTINCT event.data->>'epoch') FROM axons_jobs_event event
        WHERE event.job_id = job.id AND event.kind = 'metrics')
FROM axons_jobs_job job WHERE job.kind = 'training' AND job.state = 'succeeded'
"""
OUTCOMES = "SELECT outcome, count(*) FROM axons_jobs_attempt GROUP BY outcome"


@dataclass
class Report:
    """What was seen: jobs that ran at each restart, events that are missing, and how attempts ended."""

    restarts: list[tuple[str, int]] = field(default_factory=list)
    lost_events: list[str] = field(default_factory=list)
    outcomes: dict[str, int] = field(default_factory=dict)
    surprises: list[str] = field(default_factory=list)
    verdict: Verdict | None = None

    @property
    def failed(self) -> int:
        return 0 if self.verdict is None else self.verdict.failed_jobs

    @property
    def is_clean(self) -> bool:
        return (
            self.verdict is not None
            and self.verdict.is_clean
            and not (self.failed or self.lost_events or self.surprises)
            and len(self.restarts) == RUNNERS + 3
            and all(running >= AT_ONCE for _, running in self.restarts)
        )

    def lines(self) -> list[str]:
        told = [*(self.verdict.sentences()[:20] if self.verdict else []), *self.lost_events[:20], *self.surprises]
        return [
            *told,
            *(f"restarted {name} under {running} running jobs" for name, running in self.restarts),
            f"attempts: {', '.join(f'{name} {count}' for name, count in sorted(self.outcomes.items()))}",
            *(self.verdict.lines() if self.verdict else []),
            f"failed jobs {self.failed}",
            f"lost events {len(self.lost_events)}",
        ]


async def rolling(seed: int) -> Report:
    """Restart everything once. Raises UnitError when something does not come up again, or too little runs."""
    os.environ["CHAOS_LEASE_SECONDS"] = "90"  # as shipped: nobody is to be taken for dead
    rng, ledger, report = random.Random(seed), Ledger(), Report()
    async with running_world(ledger, rng, runners=0, fencing=True, say=say) as world:
        for proxy in (world.web, world.s3, world.grades):
            proxy.weather.calm = True
        world.runners = [_agent(world, number) for number in range(1, RUNNERS + 1)]
        for runner in world.runners:
            runner.launch()
        budget = Budget(1_000_000)
        learners = [run._student(world, budget, number, rng) for number in range(STUDENTS)]
        keeping = asyncio.create_task(keep_alive(world.everything))
        studying = [asyncio.create_task(learner.run()) for learner in learners]
        try:
            await _everything(world, report)
            budget.left = 0
            say("all was restarted; waiting until what was ordered has ended")
            await run._quiet(ledger, studying, say)
        finally:
            for task in (keeping, *studying):
                task.cancel()
            await asyncio.gather(keeping, *studying, return_exceptions=True)
        evidence = await run._evidence(world, learners, say)
        report.surprises = world.surprises()
        report.verdict = judge(evidence)
        await asyncio.to_thread(_look, world, learners, report)
    return report


def _agent(world: World, number: int) -> Unit:
    agent = _runner(world, number)
    agent.clock = None
    for name in [name for name in agent.environment if name.startswith(("LD_PRELOAD", "FAKETIME"))]:
        del agent.environment[name]
    agent.environment |= {"CHAOS_TRAINING_SLOTS": str(TRAINING_SLOTS), "CHAOS_STEP_SECONDS": str(STEP_SECONDS)}
    return agent


async def _everything(world: World, report: Report) -> None:
    await _busy(world, report, "web")
    (port,) = lifecycle.free_ports(1)
    new = _service_unit(world, "web")
    new.argv = [str(port) if part == str(world.web_port) else part for part in new.argv]
    new.ready = lambda: objects.answers(f"http://127.0.0.1:{port}/health/ready")
    await _replace(world, "web", new, lambda: world.web.lead_to(port))
    await _busy(world, report, "worker")
    new = _service_unit(world, "worker")
    new.argv = [part.replace("chaos@", "chaos-new@") for part in new.argv]
    await _replace(world, "worker", new, lambda: None)
    await _busy(world, report, "beat")
    beat = world.units["beat"]
    async with beat.held:
        await _leave(beat)
        await beat.start()
    for runner in world.runners:
        await _busy(world, report, runner.name)
        async with runner.held:
            await _leave(runner)
            runner.launch()


async def _replace(world: World, name: str, new: Unit, switch: Callable[[], None]) -> None:
    """The new one serves before the old one is asked to go; it may end what it began."""
    await new.start()
    old, world.units[name] = world.units[name], new
    switch()
    await _leave(old)


async def _leave(unit: Unit) -> None:
    """SIGTERM to the program itself, as an orchestrator sends it, and time to end what it began."""
    members = unit.members()
    if unit.process is not None:
        unit.process.terminate()
    await asyncio.to_thread(unit._wait, members, LEAVE_SECONDS)


async def _busy(world: World, report: Report, name: str) -> None:
    """Wait until enough jobs run. Raises UnitError when they do not."""
    deadline = time.monotonic() + BUSY_SECONDS
    while (running := await asyncio.to_thread(_held, world)) < AT_ONCE:
        if time.monotonic() > deadline:
            raise UnitError(f"only {running} jobs run at once; the restart of {name} wants {AT_ONCE}")
        await asyncio.sleep(0.2)
    report.restarts.append((name, running))
    say(f"restarting {name} under {running} running jobs")


def _held(world: World) -> int:
    with psycopg.connect(world.environment["AXONS_DATABASE_URL"]) as connection:
        row = connection.execute(HELD).fetchone()
    return int(row[0]) if row else 0


def _look(world: World, learners: list[Student], report: Report) -> None:
    """Events are numbered without a gap, every watcher got each, and every epoch of a training told its figures."""
    with psycopg.connect(world.environment["AXONS_DATABASE_URL"]) as connection:
        events = connection.execute(EVENTS, [list(STAFF_KINDS)]).fetchall()
        epochs = connection.execute(EPOCHS).fetchall()
        report.outcomes = dict(connection.execute(OUTCOMES).fetchall())
    kept = {(job, seq) for job, seq, _ in events}
    shown = {(job, seq) for job, seq, is_hidden in events if not is_hidden}
    seen = set().union(*(learner.seen for learner in learners))
    newest: dict[str, int] = {}
    for job, seq in kept:
        newest[job] = max(seq, newest.get(job, 0))
    gaps = {(job, seq) for job, last in newest.items() for seq in range(1, last + 1)} - kept
    report.lost_events += [f"LOST: event {seq} of job {job} was never written" for job, seq in sorted(gaps)]
    report.lost_events += [f"LOST: event {seq} of job {job} reached no watcher" for job, seq in sorted(shown - seen)]
    report.lost_events += [
        f"LOST: job {job} trained {wanted} epochs and told of {told}" for job, wanted, told in epochs if told != wanted
    ]
    if not epochs or not kept:
        report.lost_events.append("nothing was trained: this run shows nothing")


def say(line: str) -> None:
    """Print at once: a run takes minutes."""
    print(line, flush=True)


def main() -> int:
    """Run once and print the report; 1 when anything was lost."""
    parser = argparse.ArgumentParser(prog="rolling", description="A rolling restart under running jobs.")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    try:
        report = asyncio.run(_cancellable(given.seed))
    except (UnitError, lifecycle.ServiceError, asyncio.CancelledError) as error:
        print(f"rolling: {error}", file=sys.stderr)
        return 1
    for line in report.lines():
        say(line)
    return 0 if report.is_clean else 1


async def _cancellable(seed: int) -> Report:
    running = asyncio.current_task()
    assert running is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    return await rolling(seed)


if __name__ == "__main__":
    sys.exit(main())
