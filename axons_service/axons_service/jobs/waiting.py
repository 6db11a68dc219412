"""Waking the runners that wait for a job: NOTIFY on PostgreSQL, one short tail per process on SQLite."""

import asyncio
import logging
from collections import Counter, deque
from contextlib import suppress
from datetime import UTC, datetime
from typing import NamedTuple
from weakref import WeakKeyDictionary

from django.db import connection
from django.db.models import Count, Max

from axons_service.jobs.asynchronous import in_thread
from axons_service.jobs.models import Job
from axons_service.jobs.states import State

CHANNEL = "axons_claim"
TAIL_SECONDS = 0.05
LONG_AGO = datetime.min.replace(tzinfo=UTC)
RECHECK_SECONDS = 1.0  # also finds jobs whose backoff ends, which nobody announces

logger = logging.getLogger(__name__)


def claimers_notify(pool_id: int) -> None:
    """Say that a job of this pool can be claimed; heard when the transaction commits."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, str(pool_id)])


class Able(NamedTuple):
    """What a waiting runner can take: where one finds nothing, its equals find nothing either."""

    pool_id: int
    slots: tuple[str, ...]
    architectures: tuple[str, ...]
    batches: bool = False


class Bell:
    """One per event loop. Listens while someone waits, and wakes one of each kind for each job.

    A hundred idle runners must not all look for the one job that came: looking costs as much as a small request.
    """

    def __init__(self) -> None:
        self._rung: Counter[int | None] = Counter()  # by pool; null: nobody knows where
        self._lines: dict[Able, deque[asyncio.Future[bool]]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def heard(self, able: Able) -> int:
        """Take it before looking for a job, and give it to `wait` after finding none: what rings between counts."""
        return self._rung[able.pool_id] + self._rung[None]

    async def wait(self, able: Able, heard: int, seconds: float) -> bool:
        """Return when it rang since `heard`, or after `seconds`. True: there may be more jobs than one.

        Whoever then finds a job wakes the next (`wake`).
        """
        if self.heard(able) != heard:
            return True
        for name, work in (("listener", self._listen), ("clock", self._look_again)):
            if name not in self._tasks or self._tasks[name].done():
                self._tasks[name] = asyncio.create_task(work())
        woken: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        line = self._lines.setdefault(able, deque())
        line.append(woken)
        try:
            await asyncio.wait([woken], timeout=seconds)
        except asyncio.CancelledError:
            if woken.done():  # it hung up in that moment: the next one goes
                self.wake(able)
            raise
        finally:
            with suppress(ValueError):
                line.remove(woken)
            if not line and self._lines.get(able) is line:
                del self._lines[able]
        return woken.done() and woken.result()

    def wake(self, able: Able, *, more: bool = True) -> None:
        """Let the one who waits longest look; `more` when there may be several jobs."""
        line = self._lines.get(able)
        if line:
            line.popleft().set_result(more)

    def _ring(self, pool_id: int | None, *, more: bool) -> None:
        self._rung[pool_id] += 1
        for able in list(self._lines):
            if pool_id is None or able.pool_id == pool_id:
                self.wake(able, more=more)

    async def _look_again(self) -> None:
        while self._lines:
            await asyncio.sleep(RECHECK_SECONDS)
            for able in list(self._lines):
                self.wake(able)

    async def _listen(self) -> None:
        idle = 0
        listen = self._notified if connection.vendor == "postgresql" else self._tailed
        while idle < 3:  # runners come back at once: do not stop between two polls
            idle = 0 if self._lines else idle + 1
            try:
                await listen()
            except Exception:
                logger.exception("cannot listen for claimable jobs; looking every %s s", RECHECK_SECONDS)
                await asyncio.sleep(RECHECK_SECONDS)

    async def _tailed(self) -> None:
        seen = (0, LONG_AGO)
        for _ in range(200):
            count, newest = await in_thread(_dispatched)
            if count > seen[0] or newest > seen[1]:  # one that was taken is no news
                self._ring(None, more=True)
            seen = (count, newest)
            await asyncio.sleep(TAIL_SECONDS)

    async def _notified(self) -> None:
        import psycopg

        parameters = {
            key: value
            for key, value in connection.get_connection_params().items()
            if key not in ("cursor_factory", "context", "prepare_threshold")
        }
        async with await psycopg.AsyncConnection.connect(**parameters, autocommit=True) as listening:
            await listening.execute(f"LISTEN {CHANNEL}")
            self._ring(None, more=True)  # whatever was said before we listened
            while self._lines:
                async for note in listening.notifies(timeout=10):
                    is_known = note.payload.isdecimal()  # an older version of the service does not say where
                    self._ring(int(note.payload) if is_known else None, more=not is_known)


def _dispatched() -> tuple[int, datetime]:
    """How many jobs can be claimed, and when the newest of them became so."""
    found = Job.objects.filter(state=State.DISPATCHED).aggregate(count=Count("pk"), newest=Max("dispatched_at"))
    return found["count"], found["newest"] or LONG_AGO


_bells: WeakKeyDictionary[asyncio.AbstractEventLoop, Bell] = WeakKeyDictionary()


def bell() -> Bell:
    """The bell of the running event loop."""
    return _bells.setdefault(asyncio.get_running_loop(), Bell())
