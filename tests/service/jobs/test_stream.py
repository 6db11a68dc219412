"""The event stream: everything in order, once each, however the watcher comes and goes."""

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import AsyncClient
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from axons_service.jobs import stream
from axons_service.jobs.models import Event
from axons_service.jobs.stream import Gaps, project_stream, tail
from axons_service.operations.problems import Problem
from axons_service.sites.callers import Caller as Who
from axons_service.sites.callers import Role
from axons_service.sites.tokens import read_token_mint
from tests.service import builders
from tests.service.jobs.conftest import World, learner_project

threaded = pytest.mark.django_db(transaction=True)


def write(world: World, *numbers: int, project: Any = None) -> None:
    from axons_service.jobs.services import event_append

    for number in numbers:
        event_append(project=project or world.project, job=None, kind="log", data={"text": str(number)})


async def in_background(function: Callable[..., None], *args: Any, **kwargs: Any) -> None:
    def call() -> None:
        try:
            function(*args, **kwargs)
        finally:
            connection.close()

    await asyncio.to_thread(call)


def number_of(frame: bytes) -> tuple[int, int] | None:
    """Event id and number of a frame; None for a comment."""
    lines = dict(line.split(": ", 1) for line in frame.decode().splitlines() if not line.startswith(":") and line)
    if "data" not in lines:
        return None
    assert lines["event"] == "job"
    data = json.loads(lines["data"])
    assert data["id"] == int(lines["id"])
    return data["id"], int(data["data"]["text"])


async def read(frames: AsyncIterator[bytes], count: int, seconds: float = 10) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []

    async def collect() -> None:
        async for frame in frames:
            number = number_of(frame)
            if number is not None:
                found.append(number)
            if len(found) == count:
                return

    await asyncio.wait_for(collect(), seconds)
    return found


def watch(world: World, after: int = 0, seconds: float = 60) -> Any:
    return project_stream(project_id=world.project.pk, after=after, expires_at=time.time() + seconds)


@threaded
def test_a_watcher_gets_what_was_and_what_comes(real_world: World) -> None:
    write(real_world, 1, 2)

    async def scenario() -> None:
        frames = watch(real_world)
        assert [number for _, number in await read(frames, 2)] == [1, 2]
        await in_background(write, real_world, 3)
        assert [number for _, number in await read(frames, 1)] == [3]
        await frames.aclose()

    asyncio.run(scenario())


@threaded
def test_resuming_after_any_event_gives_the_rest_without_gap_or_repeat(real_world: World) -> None:
    async def scenario() -> None:
        writing = asyncio.create_task(in_background(write, real_world, *range(60)))
        seen: list[int] = []
        cursor = 0
        while len(seen) < 60:  # a connection that breaks after every seventh event
            frames = watch(real_world, after=cursor)
            part = await read(frames, min(7, 60 - len(seen)))
            await frames.aclose()
            cursor = part[-1][0]
            seen += [number for _, number in part]
        await writing
        assert seen == list(range(60))

    asyncio.run(scenario())


@threaded
def test_watchers_see_their_own_project_only(real_world: World) -> None:
    other = learner_project(real_world.lms, "ben")
    write(real_world, 1, project=other)

    async def scenario() -> None:
        frames = watch(real_world)
        await in_background(write, real_world, 2, project=other)
        await in_background(write, real_world, 3)
        assert [number for _, number in await read(frames, 1)] == [3]
        await frames.aclose()

    asyncio.run(scenario())


@threaded
def test_an_event_that_commits_after_a_later_one_is_not_missed(real_world: World) -> None:
    """On PostgreSQL the ids of the two projects are given in one order and appear in the other."""
    other = learner_project(real_world.lms, "ben")
    written = threading.Event()

    def slowly() -> None:
        with transaction.atomic():
            write(real_world, 1)
            written.set()
            time.sleep(0.7)

    async def scenario() -> None:
        mine = watch(real_world)
        his = project_stream(project_id=other.pk, after=0, expires_at=time.time() + 60)
        readers = [asyncio.create_task(read(frames, 1)) for frames in (mine, his)]
        await asyncio.sleep(0.3)
        slow = asyncio.create_task(in_background(slowly))
        await asyncio.to_thread(written.wait, 5)
        await in_background(write, real_world, 2, project=other)
        assert [found[0][1] for found in await asyncio.gather(*readers)] == [1, 2]
        await slow
        for frames in (mine, his):
            await frames.aclose()

    asyncio.run(scenario())


@threaded
@pytest.mark.only_postgres
def test_two_transactions_that_commit_in_reverse_and_a_hole_between_them(real_world: World) -> None:
    """Ids 1 (slow), 2 (rolled back), 3 (fast) of three projects: 3 comes at once, 1 when it commits, nothing twice."""
    projects = [real_world.project, *(learner_project(real_world.lms, name) for name in ("ben", "cleo"))]
    begun, gone, go = threading.Event(), threading.Event(), threading.Event()

    def slowly() -> None:
        with transaction.atomic():
            write(real_world, 1, project=projects[0])
            begun.set()
            assert go.wait(10)

    def in_vain() -> None:
        with transaction.atomic():
            write(real_world, 2, project=projects[1])
            transaction.set_rollback(True)
        gone.set()

    async def scenario() -> None:
        streams = [project_stream(project_id=p.pk, after=0, expires_at=time.time() + 60) for p in projects]
        readers = [asyncio.create_task(read(frames, 1)) for frames in streams]
        await asyncio.sleep(0.3)
        slow = asyncio.create_task(in_background(slowly))
        assert await asyncio.to_thread(begun.wait, 10)
        await in_background(in_vain)
        assert gone.is_set()
        await in_background(write, real_world, 3, project=projects[2])
        ((newest, number),) = await readers[2]
        assert number == 3
        assert not readers[0].done()
        go.set()
        await slow
        ((oldest, number),) = await readers[0]
        assert (number, newest - oldest) == (1, 2)
        await asyncio.sleep(0.5)  # the hole stays empty, and nothing comes a second time
        assert not readers[1].done()
        again = project_stream(project_id=projects[0].pk, after=oldest, expires_at=time.time() + 0.4)
        assert [number_of(frame) async for frame in again if number_of(frame)] == []
        readers[1].cancel()
        await asyncio.gather(*readers, return_exceptions=True)
        for frames in streams:
            await frames.aclose()

    asyncio.run(scenario())


@threaded
def test_a_page_that_needs_the_store_while_it_is_away_ends_the_stream_politely(
    real_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(project_id: Any, after: int) -> Any:
        raise Problem(503, "store_unavailable", "The file store does not answer just now.")

    monkeypatch.setattr(stream, "_page", away)

    async def scenario() -> None:
        frames = [frame async for frame in watch(real_world)]
        assert frames[-1] == b": The file store does not answer just now.\n\n"
        assert tail().watcher_count == 0

    asyncio.run(scenario())


@threaded
def test_what_an_evaluation_logs_is_not_streamed(real_world: World) -> None:
    real_world.evaluation()
    claim = real_world.claimed()

    async def scenario() -> None:
        frames = watch(real_world)
        opened = await anext(frames)
        assert opened.startswith(b": open")

        def report() -> None:
            real_world.report(claim, 1, log="the hidden cat 17.jpg")
            write(real_world, 7)

        kinds: list[str] = []
        live = asyncio.create_task(in_background(report))
        async for frame in frames:
            kinds.append(frame.decode())
            if '"text":"7"' in kinds[-1]:
                break
        await live
        assert not any("17.jpg" in text for text in kinds)
        await frames.aclose()

    asyncio.run(scenario())


@threaded
def test_a_slow_watcher_is_bounded_and_still_misses_nothing(real_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "BUFFER_FRAMES", 5)
    monkeypatch.setattr(stream, "PAGE_ROWS", 7)

    async def scenario() -> None:
        frames = watch(real_world)
        await in_background(write, real_world, 0)
        first = await read(frames, 1)
        (watcher,) = next(iter(tail()._watchers.values()))
        await in_background(write, real_world, *range(1, 40))
        await asyncio.sleep(0.4)  # the tail has read them all, the watcher none
        assert len(watcher.buffer) <= 5
        rest = await read(frames, 39)
        assert [number for _, number in first + rest] == list(range(40))
        await frames.aclose()

    asyncio.run(scenario())


@threaded
def test_the_stream_ends_when_the_token_expires(real_world: World) -> None:
    async def scenario() -> None:
        started = time.time()
        frames = [frame async for frame in watch(real_world, seconds=0.5)]
        assert 0.4 < time.time() - started < 3
        assert number_of(frames[-1]) is None
        assert tail().watcher_count == 0

    asyncio.run(scenario())


@threaded
def test_a_silent_stream_is_kept_alive_by_pings(real_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "PING_SECONDS", 0.1)

    async def scenario() -> None:
        frames = [frame async for frame in watch(real_world, seconds=0.45)]
        assert frames.count(b": ping\n\n") >= 3

    asyncio.run(scenario())


@threaded
def test_a_browser_that_leaves_frees_its_place(real_world: World) -> None:
    async def scenario() -> None:
        async def browse() -> None:
            async for _ in watch(real_world):
                pass

        browsers = [asyncio.create_task(browse()) for _ in range(20)]
        await asyncio.sleep(0.3)
        assert tail().watcher_count == 20
        for browser in browsers:
            browser.cancel()
        await asyncio.gather(*browsers, return_exceptions=True)
        await asyncio.sleep(0.3)
        assert tail().watcher_count == 0
        task = tail()._task
        assert task is not None
        assert task.done()  # nobody watches: nothing is read

    asyncio.run(scenario())


@threaded
def test_many_watchers_cost_one_query(real_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    new_events = stream._new_events

    def counted(position: int, gaps: list[stream.Gap]) -> list[Event]:
        found = new_events(position, gaps)
        calls.append(len(found))
        return found

    monkeypatch.setattr(stream, "_new_events", counted)

    async def scenario() -> None:
        watchers = [watch(real_world) for _ in range(30)]
        readers = [asyncio.create_task(read(frames, 5)) for frames in watchers]
        await asyncio.sleep(0.3)
        await in_background(write, real_world, *range(5))
        for found in await asyncio.gather(*readers):
            assert [number for _, number in found] == list(range(5))
        assert sum(calls) == 5
        for frames in watchers:
            await frames.aclose()

    asyncio.run(scenario())


@given(order=st.permutations(list(range(1, 30))))
def test_ids_that_appear_late_are_asked_for_until_they_come(order: list[int]) -> None:
    """Ids become visible in any order; each query shows what is visible and above the position or in a gap."""
    gaps, position, seen = Gaps(), 0, []
    for count in range(1, len(order) + 1):
        visible = set(order[:count])
        page = sorted(pk for pk in visible if pk > position or any(gap.first <= pk <= gap.last for gap in gaps.missed))
        fresh = [pk for pk in page if pk not in seen]
        assert page == fresh
        seen += page
        position = gaps.seen(page, position, 0.0)
    assert sorted(seen) == list(range(1, 30))


def test_a_gap_that_stays_empty_is_given_up() -> None:
    gaps = Gaps()
    assert gaps.seen([1, 4], 0, now=0.0) == 4
    assert [(gap.first, gap.last) for gap in gaps.missed] == [(2, 3)]
    gaps.seen([], 4, now=stream.GAP_SECONDS + 1)
    assert gaps.missed == []


@pytest.mark.django_db
def test_whatever_their_number_late_commits_are_not_lost(world: World, django_assert_num_queries: Any) -> None:
    """A transaction that took a thousand ids, and many of one, commit after younger ones."""
    one = Event(project=world.project, kind="trash", data={})
    ids = [100, *range(3000, 4000, 2)]
    gaps, position = Gaps(), 50
    position = gaps.seen(ids, position, now=0.0)
    late = [*range(51, 60), *range(1000, 2000), *range(3001, 3999, 2)]
    Event.objects.bulk_create(Event(pk=pk, project=one.project, kind="trash", data={}) for pk in [*ids, *late, 5000])
    with django_assert_num_queries(6):  # a hundred gaps a query
        found = [event.pk for event in stream._new_events(position, gaps.missed)]
    assert found == sorted([*late, 5000])
    assert gaps.seen(found, position, now=1.0) == 5000
    assert not any(gap.first <= pk <= gap.last for pk in late for gap in gaps.missed)
    with django_assert_num_queries(1):
        assert stream._new_events(5000, []) == []


@pytest.mark.django_db
def test_a_tail_that_begins_waits_for_all_that_may_still_commit(world: World) -> None:
    def made(pk: int, seconds: float) -> None:
        Event.objects.create(pk=pk, project=world.project, kind="trash", data={})
        Event.objects.filter(pk=pk).update(created_at=timezone.now() - timedelta(seconds=seconds))

    made(10_000, stream.GAP_SECONDS + 60)
    made(10_010, stream.GAP_SECONDS + 30)
    made(11_000, 10)
    made(11_002, 1)
    assert stream._start() == (11_002, [10_010, 11_000, 11_002])


def token(world: World, learner: str = "anna") -> str:
    who = Who(world.lms.site, learner, Role.LEARNER, builders.COURSE, builders.USAGE)
    return read_token_mint(who, world.project.pk).token


@threaded
def test_the_address_streams_to_a_browser_with_its_token(real_world: World) -> None:
    write(real_world, 1, 2, 3)
    first = Event.objects.order_by("pk")[0].pk
    bearer, foreign = token(real_world), token(real_world, "ben")

    async def scenario() -> None:
        path = f"/api/v1/projects/{real_world.project.pk}/stream"
        browser = AsyncClient()
        headers = {"Authorization": f"Bearer {bearer}", "Accept": "text/event-stream"}
        answer: Any = await browser.get(path, headers={**headers, "Last-Event-ID": str(first)})
        assert (answer.status_code, answer["Content-Type"]) == (200, "text/event-stream")
        frames = aiter(answer.streaming_content)
        assert [number for _, number in await read(frames, 2)] == [2, 3]
        await frames.aclose()
        answer.close()
        assert (await browser.get(path)).status_code == 401
        refused = await browser.get(path, headers={"Authorization": f"Bearer {foreign}"})
        assert refused.status_code == 404

    asyncio.run(scenario())
