"""Proxies of ours that break HTTP on purpose: between clients and the web process, and in front of the object store."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tests.faults.chaos.wire import LIMIT, Broken, Message, answer, exchange, read_request

Observer = Callable[[Message, Message, float, bool], None]


class Fault(StrEnum):
    """What can happen to one request."""

    NONE = "none"
    REFUSED = "refused"  # 503, never forwarded
    DROPPED = "dropped"  # the connection ends before anything was forwarded
    LOST = "lost"  # forwarded and done; the answer never arrives
    HALF = "half"  # forwarded and done; half of the answer arrives
    TWICE = "twice"  # forwarded twice at once; one of the two answers arrives
    SLOW = "slow"  # forwarded after a pause


@dataclass
class Weather:
    """Which faults happen now: `always` at a low rate, and more of them inside windows."""

    rng: random.Random
    always: dict[Fault, float] = field(default_factory=dict)
    windows: list[tuple[float, dict[Fault, float]]] = field(default_factory=list)
    calm: bool = False

    def window(self, seconds: float, rates: dict[Fault, float]) -> None:
        """From now on for so many seconds these faults happen to this share of the requests."""
        self.windows.append((time.monotonic() + seconds, rates))

    def choose(self) -> Fault:
        if self.calm:
            return Fault.NONE
        now = time.monotonic()
        self.windows = [window for window in self.windows if window[0] > now]
        draw = self.rng.random()
        for _, rates in [*self.windows, (0.0, self.always)]:
            for fault, rate in rates.items():
                if draw < rate:
                    return fault
                draw -= rate
        return Fault.NONE


class Proxy:
    """Listens on `port` and forwards to `upstream`. `observer(request, response, asked_at, arrived)` sees everything.

    `upstream` may be a coroutine function instead: then it is the server, and the faults happen to it.
    """

    def __init__(
        self,
        port: int,
        upstream: int | Callable[[Message], Coroutine[Any, Any, Message]],
        weather: Weather,
        observer: Observer | None = None,
    ) -> None:
        self.port = port
        self.weather = weather
        self.observer = observer
        self.counts: dict[Fault, int] = dict.fromkeys(Fault, 0)
        self._upstream = upstream
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=LIMIT)

    def lead_to(self, port: int) -> None:
        """Forward to another server from now on; what is under way ends where it began."""
        self._upstream = port

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (request := await read_request(reader, writer)) is not None:
                response = await self._watched(request, reader)
                if response is None:
                    return
                writer.write(response.encode())
                await writer.drain()
                if "close" in (request.header("Connection").lower(), response.header("Connection").lower()):
                    return
        except (Broken, OSError):
            return
        finally:
            writer.close()

    async def _watched(self, request: Message, reader: asyncio.StreamReader) -> Message | None:
        """The response, or None to hang up; a client that hangs up first takes the forwarded request with it."""
        handling = asyncio.ensure_future(self._handle(request))
        gone = asyncio.ensure_future(_at_end(reader))
        await asyncio.wait({handling, gone}, return_when=asyncio.FIRST_COMPLETED)
        gone.cancel()
        if not handling.done():
            handling.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await handling
            return None
        return handling.result()

    async def _handle(self, request: Message) -> Message | None:
        fault = self.weather.choose()
        self.counts[fault] += 1
        asked_at = time.time()
        try:
            match fault:
                case Fault.REFUSED:
                    return answer(503, {"code": "slow_down"})
                case Fault.DROPPED:
                    return None
                case Fault.SLOW:
                    await asyncio.sleep(self.weather.rng.uniform(0.3, 2.0))
                case Fault.TWICE:
                    both = await asyncio.gather(self._forward(request), self._forward(request), return_exceptions=True)
                    arrived = self.weather.rng.randrange(2)
                    for number, each in enumerate(both):
                        if isinstance(each, Message):
                            self._observe(request, each, asked_at, number == arrived)
                    chosen = both[arrived]
                    return chosen if isinstance(chosen, Message) else None
            response = await self._forward(request)
        except (OSError, Broken):
            return answer(502)
        arrives = fault not in (Fault.LOST, Fault.HALF)
        self._observe(request, response, asked_at, arrives)
        if fault == Fault.LOST:
            return None
        if fault == Fault.HALF and len(response.body) > 1:
            half = response.without("connection")
            half.body = response.body[: len(response.body) // 2]
            half.headers.append(("Connection", "close"))
            return half
        return response if arrives else None

    async def _forward(self, request: Message) -> Message:
        if callable(self._upstream):
            return await self._upstream(request)
        response = await exchange("127.0.0.1", self._upstream, request)
        return response.without("connection")

    def _observe(self, request: Message, response: Message, asked_at: float, arrived: bool) -> None:
        if self.observer is not None:
            self.observer(request, response, asked_at, arrived)


async def _at_end(reader: asyncio.StreamReader) -> None:
    """Return when the client has hung up. Clients here never send a second request before the first is answered."""
    while not reader.at_eof() and reader.exception() is None:
        await asyncio.sleep(0.2)
