"""What is done to the world: a seeded deck of faults, every kind dealt before any comes again."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import psutil

from tests.faults.chaos.proxies import Fault
from tests.faults.chaos.units import Unit
from tests.faults.chaos.world import LEASE_SECONDS, World

Action = Callable[[World, random.Random], Coroutine[Any, Any, None]]
PACE_SECONDS = 4.0  # between two faults, on average, at least
ENDS_BETWEEN = 4


async def runner_killed(world: World, rng: random.Random) -> None:
    """kill -9 of a runner with its children; something starts it again, as an orchestrator would."""
    runner = rng.choice(world.runners)
    async with runner.held:
        world.ledger.fence.fault(runner.name)
        await runner.kill()
        await asyncio.sleep(rng.uniform(0.2, 2.0))
        runner.launch()


async def runner_child_killed(world: World, rng: random.Random) -> None:
    """kill -9 of one slot's process, as the kernel does when memory is short. The agent lives."""
    runner = rng.choice(world.runners)
    async with runner.held:
        children = [member for member in runner.members() if runner.process and member.pid != runner.process.pid]
        if children:
            _kill(rng.choice(children))


async def runner_frozen(world: World, rng: random.Random) -> None:
    """SIGSTOP beyond the lease, then SIGCONT: it wakes up believing that it still holds its jobs."""
    runner = rng.choice(world.runners)
    async with runner.held:
        world.ledger.fence.fault(runner.name)
        runner.signal(signal.SIGSTOP)
        await asyncio.sleep(LEASE_SECONDS + rng.uniform(2.0, 6.0))
        runner.signal(signal.SIGCONT)


async def runner_clock(world: World, rng: random.Random) -> None:
    """A runner's clock jumps by up to a day, forwards or backwards."""
    runner = rng.choice([runner for runner in world.runners if runner.clock is not None])
    assert runner.clock is not None
    runner.clock.write_text(f"{rng.choice((-86400, -3600, -90, 90, 3600, 86400)):+d}\n")


async def worker_killed(world: World, rng: random.Random) -> None:
    """kill -9 of the Celery worker with its pool."""
    await _again(world.units["worker"], rng.uniform(0.2, 2.0))


async def beat_killed(world: World, rng: random.Random) -> None:
    """kill -9 of Celery's clock."""
    await _again(world.units["beat"], rng.uniform(0.2, 2.0))


async def web_killed(world: World, rng: random.Random) -> None:
    """kill -9 of the web process, in the middle of whatever requests it had."""
    await _again(world.units["web"], rng.uniform(0.0, 1.0))


async def broker_killed(world: World, rng: random.Random) -> None:
    """kill -9 of RabbitMQ."""
    await _again(world.units["rabbitmq"], rng.uniform(0.0, 2.0))


async def database_restarted(world: World, rng: random.Random) -> None:
    """PostgreSQL restarts: fast (sessions cut) or immediate (as after a crash, with recovery)."""
    unit = world.units["postgres"]
    async with unit.held:
        await unit.end(rng.choice((signal.SIGINT, signal.SIGQUIT)))
        await asyncio.sleep(rng.uniform(0.0, 1.0))
        await unit.start()


async def store_refuses(world: World, rng: random.Random) -> None:
    """The object store answers 503 to most requests for a few seconds."""
    world.s3.weather.window(rng.uniform(2.0, 6.0), {Fault.REFUSED: 0.7})


async def store_drops(world: World, rng: random.Random) -> None:
    """Connections to the object store end before, in the middle of, or after the answer."""
    world.s3.weather.window(rng.uniform(2.0, 6.0), {Fault.DROPPED: 0.2, Fault.HALF: 0.2, Fault.LOST: 0.2})


async def answers_lost(world: World, rng: random.Random) -> None:
    """Requests reach the web process, their answers do not come back."""
    world.web.weather.window(rng.uniform(2.0, 5.0), {Fault.LOST: 0.25, Fault.HALF: 0.05, Fault.DROPPED: 0.1})


async def requests_doubled(world: World, rng: random.Random) -> None:
    """Requests reach the web process twice at once."""
    world.web.weather.window(rng.uniform(3.0, 8.0), {Fault.TWICE: 0.4})


async def lms_unwell(world: World, rng: random.Random) -> None:
    """The grade receiver refuses, or applies a grade and loses its answer, or is called twice at once."""
    world.grades.weather.window(rng.uniform(3.0, 8.0), {Fault.REFUSED: 0.3, Fault.LOST: 0.3, Fault.TWICE: 0.2})


DECK: tuple[Action, ...] = (
    runner_killed, runner_killed, runner_child_killed, runner_frozen, runner_frozen, runner_clock, worker_killed,
    beat_killed, web_killed, broker_killed, database_restarted, store_refuses, store_drops, answers_lost,
    requests_doubled, lms_unwell,
)  # fmt: skip
FAULTS = frozenset(action.__name__ for action in DECK)


def deck(only: str = "", fencing: bool = True) -> tuple[Action, ...]:
    """All faults, or only one. Without the fence half of them are runners that sleep beyond their lease and wake up."""
    if only:
        return tuple(action for action in DECK if action.__name__ == only)[:1]
    return DECK if fencing else DECK + (runner_frozen,) * len(DECK)


def deal(rng: random.Random, pace: float, cards: tuple[Action, ...]) -> Iterator[tuple[float, Action]]:
    """Pause in seconds, then action, for ever: shuffled deck after shuffled deck. The same seed, the same order."""
    while True:
        for action in rng.sample(cards, len(cards)):
            yield pace * rng.uniform(0.4, 1.6), action


async def storm(world: World, rng: random.Random, pace: float, cards: tuple[Action, ...], over: asyncio.Event) -> None:
    """Deal until it is over, then let what is down come up again. Long actions overlap with the next ones."""
    under_way: set[asyncio.Task[None]] = set()

    def ended(task: asyncio.Task[None]) -> None:
        under_way.discard(task)
        if not task.cancelled() and task.exception() is not None:
            world.ledger.troubles.append(f"{task.get_name()}: {task.exception()}")

    try:
        for pause, action in deal(rng, pace, cards):
            await asyncio.sleep(pause)
            await _some_ended(world, seconds=2 * pause)
            if over.is_set():
                break
            world.ledger.faults[action.__name__] += 1
            acting = action(world, random.Random(rng.random()))
            task = asyncio.create_task(acting, name=action.__name__)
            under_way.add(task)
            task.add_done_callback(ended)
        await asyncio.gather(*under_way, return_exceptions=True)
    finally:
        for task in under_way:
            task.cancel()


async def _some_ended(world: World, *, seconds: float) -> None:
    """Wait until a few jobs have ended since the last fault: a busy machine has as many faults a job as a quiet one."""
    wanted, deadline = len(world.ledger.ended) + ENDS_BETWEEN, time.monotonic() + seconds
    while len(world.ledger.ended) < wanted and time.monotonic() < deadline:
        await asyncio.sleep(0.1)


async def _again(unit: Unit, pause: float) -> None:
    async with unit.held:
        await unit.kill()
        await asyncio.sleep(pause)
        await unit.start()


def _kill(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.Error:
        return
