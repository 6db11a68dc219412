"""The deck of faults where machines come from a cloud: its bad days, and what kills a machine under a runner."""

from __future__ import annotations

import asyncio
import random
import signal
import time

from tests.conformance.ovh_cloud import QUOTA
from tests.faults.chaos import actions
from tests.faults.chaos.actions import Action
from tests.faults.chaos.cloud import Cloud
from tests.faults.chaos.proxies import Fault
from tests.faults.chaos.world import LEASE_SECONDS, World


async def machine_interrupted(world: World, rng: random.Random) -> None:
    """The cloud takes a machine away, as it does with spot machines."""
    cloud = _cloud(world)
    if running := cloud.running():
        name, container = rng.choice(running)
        world.ledger.fence.fault(name)
        cloud.interrupt(container)


async def machine_frozen(world: World, rng: random.Random) -> None:
    """A machine stands still beyond the lease and goes on, believing that it still holds its jobs."""
    if running := _cloud(world).running():
        name, container = rng.choice(running)
        world.ledger.fence.fault(name)
        container.signal(signal.SIGSTOP)
        await asyncio.sleep(LEASE_SECONDS + rng.uniform(2.0, 5.0))
        container.signal(signal.SIGCONT)


async def machine_stillborn(world: World, rng: random.Random) -> None:
    """The next machine is accepted and never starts."""
    _cloud(world).mood.stillborn = 1


async def machines_slow(world: World, rng: random.Random) -> None:
    """Machines take long to start."""
    _cloud(world).mood.slow_until = time.monotonic() + rng.uniform(5.0, 10.0)


async def cloud_refuses(world: World, rng: random.Random) -> None:
    """Most calls of the cloud's API get 409, 429, 5xx, or a gateway time-out after the work was done."""
    _cloud(world).mood.refusing_until = time.monotonic() + rng.uniform(3.0, 7.0)


async def cloud_full(world: World, rng: random.Random) -> None:
    """The project's quota is one machine for a while."""
    cloud = _cloud(world)
    cloud.quota = 1
    await asyncio.sleep(rng.uniform(4.0, 8.0))
    cloud.quota = QUOTA


async def cloud_answers_lost(world: World, rng: random.Random) -> None:
    """The cloud does what it is asked and its answer does not come back; or it is asked twice at once."""
    assert world.cloud_proxy is not None
    rates = {Fault.LOST: 0.35, Fault.HALF: 0.1, Fault.TWICE: 0.2, Fault.DROPPED: 0.1}
    world.cloud_proxy.weather.window(rng.uniform(4.0, 8.0), rates)


def _cloud(world: World) -> Cloud:
    assert world.cloud is not None
    return world.cloud


DECK: tuple[Action, ...] = (
    machine_interrupted, machine_interrupted, machine_frozen, machine_stillborn, machines_slow, cloud_refuses,
    cloud_refuses, cloud_full, cloud_answers_lost, cloud_answers_lost,
    actions.worker_killed, actions.worker_killed, actions.beat_killed, actions.web_killed, actions.broker_killed,
    actions.database_restarted, actions.store_refuses, actions.answers_lost, actions.lms_unwell,
)  # fmt: skip
FAULTS = frozenset(action.__name__ for action in DECK)


def deck(only: str = "") -> tuple[Action, ...]:
    """All faults of a world with a cloud, or only one."""
    return tuple(action for action in DECK if action.__name__ == only)[:1] if only else DECK
