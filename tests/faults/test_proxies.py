"""The proxies that break HTTP: what each fault does to a request and its answer."""

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable

import pytest

from scripts.services.lifecycle import free_ports
from tests.faults.chaos.link import Link
from tests.faults.chaos.proxies import Fault, Proxy, Weather
from tests.faults.chaos.wire import Broken, Message, answer, exchange

REQUEST = Message("POST /grades HTTP/1.1", [("Host", "x"), ("Content-Length", "2")], b"{}")


class Upstream:
    """Counts what arrives."""

    def __init__(self) -> None:
        self.seen: list[Message] = []

    async def handle(self, request: Message) -> Message:
        self.seen.append(request)
        return answer(200, {"number": len(self.seen)})


def through(fault: Fault, ask: Callable[[int, Proxy], Awaitable[None]]) -> Upstream:
    """Run `ask(port, proxy)` against a proxy in which this fault always happens."""
    upstream = Upstream()

    async def run() -> None:
        (port,) = free_ports(1)
        proxy = Proxy(port, upstream.handle, Weather(random.Random(1), {fault: 1.0}))
        await proxy.start()
        try:
            await ask(port, proxy)
        finally:
            await proxy.stop()

    asyncio.run(run())
    return upstream


async def answered(port: int, proxy: Proxy) -> None:
    response = await exchange("127.0.0.1", port, REQUEST)
    assert response.status == 200


async def unanswered(port: int, proxy: Proxy) -> None:
    with pytest.raises((Broken, OSError)):
        await exchange("127.0.0.1", port, REQUEST)


async def refused(port: int, proxy: Proxy) -> None:
    response = await exchange("127.0.0.1", port, REQUEST)
    assert response.status == 503


@pytest.mark.parametrize(
    ("fault", "ask", "arrivals"),
    [
        (Fault.NONE, answered, 1),
        (Fault.SLOW, answered, 1),
        (Fault.REFUSED, refused, 0),
        (Fault.DROPPED, unanswered, 0),
        (Fault.LOST, unanswered, 1),
        (Fault.HALF, unanswered, 1),
        (Fault.TWICE, answered, 2),
    ],
)
def test_a_fault_does_what_it_says(fault: Fault, ask: Callable[[int, Proxy], Awaitable[None]], arrivals: int) -> None:
    assert len(through(fault, ask).seen) == arrivals


def test_nothing_breaks_once_it_is_calm() -> None:
    async def calm(port: int, proxy: Proxy) -> None:
        proxy.weather.calm = True
        await answered(port, proxy)

    assert len(through(Fault.DROPPED, calm).seen) == 1


def test_a_window_of_bad_weather_passes() -> None:
    weather = Weather(random.Random(1))
    weather.window(60, {Fault.LOST: 1.0})
    assert weather.choose() == Fault.LOST
    weather.windows = [(0.0, rates) for _, rates in weather.windows]  # its end lies in the past now
    assert weather.choose() == Fault.NONE


def test_a_client_that_hangs_up_takes_its_request_with_it() -> None:
    async def run() -> bool:
        gone = asyncio.Event()

        async def waits(request: Message) -> Message:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                gone.set()
                raise
            return answer(200, {})

        (port,) = free_ports(1)
        proxy = Proxy(port, waits, Weather(random.Random(1)))
        await proxy.start()
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST.encode())
        await writer.drain()
        await asyncio.sleep(0.1)
        writer.close()
        await asyncio.wait_for(gone.wait(), 30)
        await proxy.stop()
        return gone.is_set()

    assert asyncio.run(run())


def test_a_chunked_answer_arrives_whole() -> None:
    async def run() -> Message:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n")
            writer.close()

        (port,) = free_ports(1)
        server = await asyncio.start_server(serve, "127.0.0.1", port)
        async with server:
            return await exchange("127.0.0.1", port, REQUEST)

    assert asyncio.run(run()).body == b"abcdefg"


def over_a_link(*, is_bad: bool, resets: float, times: int = 1) -> tuple[list[float], int, Link]:
    """Ask over a link with 50 ms each way: seconds of each answer, how many requests arrived, and the link."""
    upstream = Upstream()

    async def run() -> tuple[list[float], Link]:
        near, far = free_ports(2)
        proxy = Proxy(far, upstream.handle, Weather(random.Random(1)))
        link = Link(near, far, random.Random(2), delay=0.05, resets=resets)
        link.is_bad = is_bad
        await proxy.start()
        await link.start()
        took = []
        for _ in range(times):
            began = time.monotonic()
            with contextlib.suppress(OSError, Broken):
                await exchange("127.0.0.1", near, REQUEST)
                took.append(time.monotonic() - began)
        await link.stop()
        await proxy.stop()
        return took, link

    took, link = asyncio.run(run())
    return took, len(upstream.seen), link


def test_a_good_line_takes_no_time_and_breaks_nothing() -> None:
    took, arrived, link = over_a_link(is_bad=False, resets=1.0)
    assert (len(took), arrived, link.resets, link.connections, link.bad_connections) == (1, 1, 0, 1, 0)


def test_a_bad_line_takes_longer_each_way() -> None:
    ((seconds,), arrived, link) = over_a_link(is_bad=True, resets=0.0)
    assert seconds >= 0.1
    assert (arrived, link.resets, link.bad_connections) == (1, 0, 1)


def test_a_connection_is_reset_before_the_request_arrives_or_after_it_was_answered() -> None:
    took, arrived, link = over_a_link(is_bad=True, resets=1.0, times=12)
    assert took == []
    assert link.resets == 12
    assert 0 < arrived < 12


def test_a_reset_is_one() -> None:
    async def run() -> None:
        near, far = free_ports(2)
        proxy = Proxy(far, Upstream().handle, Weather(random.Random(1)))
        link = Link(near, far, random.Random(2), delay=0.0, resets=1.0)
        link.is_bad = True
        await proxy.start()
        await link.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", near)
        writer.write(REQUEST.encode())
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()
        await link.stop()
        await proxy.stop()

    asyncio.run(run())


def test_some_connections_are_reset_and_the_others_are_not() -> None:
    took, _, link = over_a_link(is_bad=True, resets=0.5, times=12)
    assert 0 < link.resets < 12
    assert len(took) == 12 - link.resets
