"""Progress fan-out: one tail query per process feeds every connected browser.

Ids are given before they commit, so a lower id may appear after a higher one. Two facts make this safe: within one
project ids appear in order (`services.events`), and the tail asks again for ids it skipped, in the same query.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID
from weakref import WeakKeyDictionary

from django.db.models import F, Q
from django.utils import timezone
from rest_framework.utils.encoders import JSONEncoder

from axons_service.exercises.results import results_withhold
from axons_service.jobs.asynchronous import in_thread, run_in
from axons_service.jobs.history import STAFF_KINDS, events_after
from axons_service.jobs.models import Event, Job
from axons_service.jobs.serializers import event_output
from axons_service.operations.problems import Problem

TAIL_SECONDS = 0.1
GAP_SECONDS = 30.0  # an id that did not appear for so long was rolled back
RANGES_A_QUERY = 100
TAIL_ROWS = 2000
PAGE_ROWS = 200
BUFFER_FRAMES = 500
PING_SECONDS = 15.0

logger = logging.getLogger(__name__)
_encode = JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def event_frame(output: dict[str, Any]) -> bytes:
    """What `event_output` gave, as one SSE frame."""
    return f"id: {output['id']}\nevent: job\ndata: {_encode(output)}\n\n".encode()


class Watcher:
    """One connected browser. `is_behind` means: read the database from your cursor before trusting the buffer."""

    def __init__(self, project_id: UUID) -> None:
        self.project_id = project_id
        self.is_behind = True
        self.buffer: deque[tuple[int, bytes]] = deque()
        self.wake = asyncio.Event()

    def push(self, event_id: int, frame: bytes) -> None:
        """Never blocks and never grows: a slow reader loses its buffer and catches up from the database."""
        if len(self.buffer) >= BUFFER_FRAMES:
            self.buffer.clear()
            self.is_behind = True
        self.buffer.append((event_id, frame))
        self.wake.set()


class Gap(NamedTuple):
    """Ids from `first` to `last` that were missed `since` (`time.monotonic`)."""

    first: int
    last: int
    since: float


class Gaps:
    """Ids below the tail's position that have not appeared yet, in order; forgotten by their age alone.

    As ranges: a sequence that jumps by a million is one of them.
    """

    def __init__(self) -> None:
        self.missed: list[Gap] = []

    def seen(self, ids: list[int], position: int, now: float) -> int:
        """Take a page of ascending ids; returns the new position."""
        late = deque(event_id for event_id in ids if event_id <= position)
        left: list[Gap] = []
        for first, last, since in self.missed:
            if now - since >= GAP_SECONDS:
                continue
            while late and late[0] <= last:
                event_id = late.popleft()
                if event_id > first:
                    left.append(Gap(first, event_id - 1, since))
                first = max(first, event_id + 1)
            if first <= last:
                left.append(Gap(first, last, since))
        for event_id in ids:
            if event_id > position:
                if event_id > position + 1:
                    left.append(Gap(position + 1, event_id - 1, now))
                position = event_id
        self.missed = left
        return position


class Tail:
    """One per event loop. Reads new events while someone watches."""

    def __init__(self) -> None:
        self._watchers: dict[UUID, set[Watcher]] = {}
        self._task: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        # a thread of its own: claims and page reads never delay the tail
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="axons-event-tail")

    @property
    def watcher_count(self) -> int:
        return sum(map(len, self._watchers.values()))

    def subscribe(self, project_id: UUID) -> Watcher:
        """A watcher that, once `ready`, gets everything committed from then on; what came before it reads itself."""
        watcher = Watcher(project_id)
        self._watchers.setdefault(project_id, set()).add(watcher)
        if self._task is None or self._task.done():
            self._ready.clear()
            self._task = asyncio.create_task(self._run())
        return watcher

    async def ready(self) -> None:
        """Wait until the tail knows where it stands."""
        await self._ready.wait()

    def unsubscribe(self, watcher: Watcher) -> None:
        watchers = self._watchers.get(watcher.project_id, set())
        watchers.discard(watcher)
        if not watchers:
            self._watchers.pop(watcher.project_id, None)

    async def _run(self) -> None:
        position = 0
        gaps = Gaps()
        while self._watchers:
            try:
                if not self._ready.is_set():
                    position, recent = await run_in(self._thread, _start)
                    gaps.seen(recent, recent[0] - 1 if recent else position, time.monotonic())
                    self._ready.set()
                events = await run_in(self._thread, partial(_new_events, position, gaps.missed))
            except Exception:
                logger.exception("the event tail cannot read; trying again")
                await asyncio.sleep(1)
                continue
            for event in events:
                self._fan_out(event)
            position = gaps.seen([event.pk for event in events], position, time.monotonic())
            if len(events) < TAIL_ROWS:
                await asyncio.sleep(TAIL_SECONDS)

    def _fan_out(self, event: Event) -> None:
        watchers = self._watchers.get(event.project_id)
        if watchers and not _is_hidden(event):
            frame = event_frame(event_output(event))
            for watcher in watchers:
                watcher.push(event.pk, frame)


def _start() -> tuple[int, list[int]]:
    """The newest id, and all ids that were given in the last GAP_SECONDS: between them one may still come."""
    oldest = timezone.now() - timedelta(seconds=GAP_SECONDS)
    recent: list[int] = []
    for pk, created_at in Event.objects.order_by("-pk").values_list("pk", "created_at").iterator():
        recent.append(pk)
        if created_at < oldest:
            break
    return (recent[0] if recent else 0), recent[::-1]


def _new_events(position: int, gaps: list[Gap]) -> list[Event]:
    """The next events above the position or in a gap, in order; usually one query.

    Ids of one project appear in order. So what is above is read first, and lower gaps after higher ones: whoever sees
    an event then sees those of its project that came before.
    """
    # hidden ones come too: the tail must see every id to know which are missing
    events = Event.objects.annotate(job_kind=F("job__kind")).order_by("pk")
    wanted = Q(pk__gt=position)
    found: list[Event] = []
    for batch in [gaps[max(0, end - RANGES_A_QUERY) : end] for end in range(len(gaps), 0, -RANGES_A_QUERY)] or [[]]:
        for gap in batch:
            wanted |= Q(pk__range=(gap.first, gap.last))
        found += events.filter(wanted)[:TAIL_ROWS]
        wanted = Q(pk__in=[])
    page = sorted(found, key=lambda event: event.pk)[:TAIL_ROWS]
    results_withhold(page)
    return page


def _is_hidden(event: Event) -> bool:
    return event.job_kind == Job.Kind.EVALUATION and event.kind in STAFF_KINDS  # type: ignore[attr-defined]


def _page(project_id: UUID, after: int) -> list[tuple[int, bytes]]:
    return [(output["id"], event_frame(output)) for output in events_after(project_id, after, PAGE_ROWS)]


_tails: WeakKeyDictionary[asyncio.AbstractEventLoop, Tail] = WeakKeyDictionary()


def tail() -> Tail:
    """The tail of the running event loop."""
    return _tails.setdefault(asyncio.get_running_loop(), Tail())


async def project_stream(*, project_id: UUID, after: int, expires_at: float) -> AsyncIterator[bytes]:
    """Every event of a project with an id above `after`, in order, once each, until `expires_at` (Unix time)."""
    source = tail()
    watcher = source.subscribe(project_id)
    try:
        await source.ready()
        yield b": open\nretry: 1000\n\n"
        while (left := expires_at - time.time()) > 0:
            watcher.wake.clear()
            frames: list[tuple[int, bytes]]
            if watcher.is_behind:
                watcher.is_behind = False
                try:
                    frames = await in_thread(_page, project_id, after)
                except Problem as problem:  # the browser comes back with its cursor, and misses nothing
                    yield f": {problem.sentence}\n\n".encode()
                    return
                watcher.is_behind = watcher.is_behind or len(frames) == PAGE_ROWS
            else:
                frames = list(watcher.buffer)
                watcher.buffer.clear()
            for event_id, frame in frames:
                if event_id > after:
                    after = event_id
                    yield frame
            if watcher.is_behind or watcher.buffer:
                continue
            try:
                await asyncio.wait_for(watcher.wake.wait(), min(PING_SECONDS, left))
            except TimeoutError:
                yield b": ping\n\n"
    finally:
        source.unsubscribe(watcher)
