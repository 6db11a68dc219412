"""Which of the runners that wait for a job are woken, without a database."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from axons_service.jobs import waiting
from axons_service.jobs.waiting import Able, Bell

TRAINS = Able(1, ("training",), ())
BOTH = Able(1, ("inference", "training"), ())
ELSEWHERE = Able(2, ("training",), ())


def played(scenario: Callable[[Bell], Awaitable[None]], monkeypatch: pytest.MonkeyPatch, recheck: float = 30) -> None:
    """Run a scenario with a bell that nobody but the scenario rings."""

    async def silence(bell: Bell) -> None:
        await asyncio.sleep(30)

    async def play() -> None:
        bell = Bell()
        await scenario(bell)
        for task in bell._tasks.values():
            task.cancel()

    monkeypatch.setattr(Bell, "_listen", silence)
    monkeypatch.setattr(waiting, "RECHECK_SECONDS", recheck)
    asyncio.run(play())


async def waiters(bell: Bell, able: Able, count: int, seconds: float = 5) -> list["asyncio.Task[bool]"]:
    tasks = [asyncio.create_task(bell.wait(able, bell.heard(able), seconds)) for _ in range(count)]
    await asyncio.sleep(0.01)
    return tasks


async def woken(*lines: list["asyncio.Task[bool]"]) -> list[int]:
    await asyncio.sleep(0.02)
    return [sum(task.done() for task in tasks) for tasks in lines]


def test_a_job_wakes_one_of_each_kind_in_its_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(bell: Bell) -> None:
        lines = [await waiters(bell, able, 5) for able in (TRAINS, BOTH, ELSEWHERE)]
        bell._ring(1, more=False)
        assert await woken(*lines) == [1, 1, 0]
        bell._ring(1, more=False)
        assert await woken(*lines) == [2, 2, 0]
        bell._ring(2, more=False)
        assert await woken(*lines) == [2, 2, 1]
        assert [task.result() for task in lines[0] if task.done()] == [False, False]

    played(scenario, monkeypatch)


def test_where_nobody_knows_how_many_each_who_finds_one_wakes_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(bell: Bell) -> None:
        tasks = await waiters(bell, TRAINS, 3)
        bell._ring(None, more=True)
        assert await woken(tasks) == [1]
        assert tasks[0].result() is True
        bell.wake(TRAINS)
        assert await woken(tasks) == [2]

    played(scenario, monkeypatch)


def test_what_rings_while_a_runner_looks_is_not_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(bell: Bell) -> None:
        heard = bell.heard(TRAINS)
        bell._ring(1, more=False)
        assert await asyncio.wait_for(bell.wait(TRAINS, heard, 5), 0.5) is True
        heard = bell.heard(TRAINS)
        bell._ring(2, more=False)  # of another pool: no reason to look
        assert await bell.wait(TRAINS, heard, 0.05) is False

    played(scenario, monkeypatch)


def test_a_runner_that_hangs_up_as_it_is_woken_wakes_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(bell: Bell) -> None:
        first, second = await waiters(bell, TRAINS, 2)
        bell._ring(1, more=False)
        first.cancel()
        assert await woken([second]) == [1]
        assert first.cancelled()

    played(scenario, monkeypatch)


def test_the_clock_lets_one_of_each_kind_look_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """For what nobody announces: a backoff that ends, a course that has room again."""

    async def scenario(bell: Bell) -> None:
        lines = [await waiters(bell, able, 3) for able in (TRAINS, ELSEWHERE)]
        await asyncio.sleep(1.4)
        assert await woken(*lines) == [1, 1]
        await asyncio.sleep(1)
        assert await woken(*lines) == [2, 2]

    played(scenario, monkeypatch, recheck=1)


def test_nobody_waits_beyond_their_time(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(bell: Bell) -> None:
        assert await bell.wait(TRAINS, bell.heard(TRAINS), 0.05) is False
        assert bell._lines == {}

    played(scenario, monkeypatch)
