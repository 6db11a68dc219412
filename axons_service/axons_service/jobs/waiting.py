"""Waking the runners that wait for a job: NOTIFY on PostgreSQL, one short tail per process on SQLite."""

import asyncio
import logging
from typing import Any
from weakref import WeakKeyDictionary

from django.db import connection
from django.db.models import Count, Max

from axons_service.jobs.asynchronous import in_thread
from axons_service.jobs.models import Job
from axons_service.jobs.states import State

CHANNEL = "axons_claim"
TAIL_SECONDS = 0.05
RECHECK_SECONDS = 1.0  # also finds jobs whose backoff ends, which nobody announces

logger = logging.getLogger(__name__)


def claimers_notify() -> None:
    """Say that a job can be claimed; heard when the transaction commits."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"NOTIFY {CHANNEL}")


class Bell:
    """One per event loop. Listens while someone waits, and wakes all who do."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()
        self._waiters = 0
        self._listener: asyncio.Task[None] | None = None

    def next_ring(self) -> asyncio.Event:
        """Take it before looking for a job, wait for it after finding none: what rings in between is not missed."""
        return self._rung

    async def wait(self, ring: asyncio.Event, seconds: float) -> None:
        """Return when `ring` was rung, or after `seconds` (at most RECHECK_SECONDS)."""
        self._waiters += 1
        if self._listener is None or self._listener.done():
            self._listener = asyncio.create_task(self._listen())
        try:
            await asyncio.wait_for(ring.wait(), min(seconds, RECHECK_SECONDS))
        except TimeoutError:
            pass
        finally:
            self._waiters -= 1

    def _ring(self) -> None:
        rung, self._rung = self._rung, asyncio.Event()
        rung.set()

    async def _listen(self) -> None:
        idle = 0
        listen = self._notified if connection.vendor == "postgresql" else self._tailed
        while idle < 3:  # runners come back at once: do not stop between two polls
            idle = 0 if self._waiters else idle + 1
            try:
                await listen()
            except Exception:
                logger.exception("cannot listen for claimable jobs; looking every %s s", RECHECK_SECONDS)
                await asyncio.sleep(RECHECK_SECONDS)

    async def _tailed(self) -> None:
        seen: Any = None
        for _ in range(200):
            mark = await in_thread(_dispatched_mark)
            if mark != seen:
                self._ring()
            seen = mark
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
            self._ring()  # whatever was said before we listened
            while self._waiters:
                async for _ in listening.notifies(timeout=10):
                    self._ring()


def _dispatched_mark() -> dict[str, Any]:
    """Changes whenever a job becomes claimable."""
    return Job.objects.filter(state=State.DISPATCHED).aggregate(Count("pk"), Max("dispatched_at"))


_bells: WeakKeyDictionary[asyncio.AbstractEventLoop, Bell] = WeakKeyDictionary()


def bell() -> Bell:
    """The bell of the running event loop."""
    return _bells.setdefault(asyncio.get_running_loop(), Bell())
