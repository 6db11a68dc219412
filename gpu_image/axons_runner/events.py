"""The event stream of one attempt: numbered, buffered while the service is away, resent until accepted once."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from axons_runner.client import AttemptClient
from axons_runner.errors import Rejected, Superseded, Unavailable

log = logging.getLogger(__name__)
LARGEST_BATCH = 200
LARGEST_BUFFER = 2000
URGENT_SECONDS = 0.15
LONGEST_PAUSE_SECONDS = 10.0
# what is given up first when the buffer is full; validation metrics and the latest progress are kept the longest
EXPENDABLE = ("resources", "progress", "log", "metrics")


class EventStream(threading.Thread):
    """Posts a batch every interval; an empty one is the heartbeat.

    A batch that got no answer is sent again unchanged, with the same number, so it counts once however often it
    arrives. ``on_answer`` gets every reply, ``on_superseded`` is called once when the job is no longer ours.
    """

    def __init__(
        self, client: AttemptClient, interval: float,
        on_answer: Callable[[Mapping[str, Any]], None], on_superseded: Callable[[], None],
    ) -> None:  # fmt: skip
        super().__init__(name="events", daemon=True)
        self.client = client
        self.interval = interval
        self.on_answer = on_answer
        self.on_superseded = on_superseded
        self.seq = 1
        self.buffer: list[dict[str, Any]] = []
        self.in_flight: list[dict[str, Any]] = []
        self.changed = threading.Condition()
        self.urgent = False
        self.ended = False
        self.seen: set[str] = set()

    def add(self, kind: str, data: Mapping[str, Any]) -> None:
        """Queue an event. The first of a new phase or curve goes out at once, the others with the next batch."""
        event = {"kind": kind, "time": datetime.now(UTC).isoformat(), "data": dict(data)}
        first = f"{kind}/{data.get('phase')}/{data.get('split')}"
        with self.changed:
            self.buffer.append(event)
            if len(self.buffer) > LARGEST_BUFFER:
                self._thin()
            if kind in ("progress", "metrics") and first not in self.seen:
                self.seen.add(first)
                self.urgent = True
                self.changed.notify_all()

    def flush(self, give_up: Callable[[], bool]) -> None:
        """Wait until everything queued was accepted, or ``give_up()``."""
        with self.changed:
            self.urgent = True
            self.changed.notify_all()
            while (self.buffer or self.in_flight) and not self.ended and not give_up():
                self.changed.wait(0.1)

    def stop(self) -> None:
        """End the thread after the request under way."""
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def run(self) -> None:
        pause = 0.0
        while True:
            with self.changed:
                if not pause:
                    self._wait_for_turn()
                if self.ended:
                    return
                if not self.in_flight:
                    self.in_flight, self.buffer = self.buffer[:LARGEST_BATCH], self.buffer[LARGEST_BATCH:]
                self.urgent = len(self.buffer) >= LARGEST_BATCH
            try:
                answer = self.client.events(self.seq, self.in_flight)
            except Superseded as reason:
                log.warning("The job is no longer ours: %s", reason)
                self.stop()
                self.on_superseded()
                return
            except Unavailable as reason:
                pause = min(max(pause * 2, 0.25), LONGEST_PAUSE_SECONDS)
                log.warning("Events wait: %s Next try in %.1f s.", reason, pause)
                self._sleep(pause)
                continue
            except Rejected as reason:
                log.error("A batch of events was refused and is dropped: %s", reason)
                answer = {}
            else:
                self.seq += len(self.in_flight)
            pause = 0.0
            with self.changed:
                self.in_flight = []
                self.changed.notify_all()
            self.on_answer(answer)

    def _wait_for_turn(self) -> None:
        began = time.monotonic()
        while not self.ended:
            waited = time.monotonic() - began
            due = URGENT_SECONDS if self.urgent else self.interval
            if waited >= due:
                return
            self.changed.wait(due - waited)

    def _sleep(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        with self.changed:
            while not self.ended and (left := deadline - time.monotonic()) > 0:
                self.changed.wait(left)

    def _thin(self) -> None:
        for kind in EXPENDABLE:
            for position, event in enumerate(self.buffer[:-1]):
                if event["kind"] == kind and event["data"].get("split") != "validation":
                    del self.buffer[position]
                    return
        del self.buffer[0]
