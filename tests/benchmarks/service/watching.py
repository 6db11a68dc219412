"""A process full of browsers: many streams on one selector, nothing parsed but the time of sampled events.

`python -m tests.benchmarks.service.watching PORT COUNT FIRST CURSOR`: reads one token and project a line from standard
input, opens COUNT streams after the event CURSOR, as a page that was just loaded does, prints `open SECONDS`, then
for each line `SECONDS` on standard input measures for so long and prints one JSON line of what came.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

from tests.benchmarks.service.stack import open_files_raise

MARK = b'"sent":'
OPENING = 48  # streams that are being opened at once


class Watcher(asyncio.Protocol):
    """One stream. Counts frames; of every event it sees it takes the time, which is a few bytes' search."""

    def __init__(self, tally: Tally, request: bytes) -> None:
        self.tally = tally
        self.request = request
        self.is_open = False
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        if not self.is_open:
            if b": open" in data:
                self.is_open = True
                self.opened.set_result(None)
            elif not data.startswith(b"HTTP/1.1 200"):
                self.opened.set_exception(RuntimeError(data[:300].decode(errors="replace")))
                return
        at = data.find(MARK)
        while at >= 0:
            self.tally.take(data[at + len(MARK) : at + len(MARK) + 17])
            at = data.find(MARK, at + 1)

    def connection_lost(self, error: Exception | None) -> None:
        self.tally.lost += 1
        if not self.opened.done():
            self.opened.set_exception(error or RuntimeError("closed"))


class Tally:
    """What all watchers of this process got."""

    def __init__(self) -> None:
        self.events = 0
        self.lost = 0
        self.lags: list[float] = []

    def take(self, sent: bytes) -> None:
        self.events += 1
        if self.events % 5 == 0:
            self.lags.append(time.time() - float(sent.partition(b",")[0]))

    def result(self) -> dict[str, object]:
        found = {"events": self.events, "lost": self.lost, "lags": self.lags}
        self.events, self.lags = 0, []
        return found


async def run(port: int, count: int, first: int, cursor: int, projects: list[tuple[str, str]]) -> None:
    tally = Tally()
    loop = asyncio.get_running_loop()
    gate = asyncio.Semaphore(OPENING)
    kept: list[asyncio.BaseTransport] = []

    async def open_one(number: int) -> None:
        token, project = projects[number % len(projects)]
        request = (
            f"GET /api/v1/projects/{project}/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
            f"Accept: text/event-stream\r\nLast-Event-ID: {cursor}\r\n\r\n"
        ).encode()
        async with gate:
            transport, watcher = await loop.create_connection(lambda: Watcher(tally, request), "127.0.0.1", port)
            await watcher.opened
            kept.append(transport)

    began = time.monotonic()
    await asyncio.gather(*(open_one(first + number) for number in range(count)))
    print(f"open {time.monotonic() - began:.1f}", flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        tally.result()
        await asyncio.sleep(float(line))
        print(json.dumps(tally.result()), flush=True)


def main() -> None:
    open_files_raise()
    port, count, first, cursor = map(int, sys.argv[1:5])
    projects: list[tuple[str, str]] = []
    while line := sys.stdin.readline().strip():
        token, _, project = line.partition(" ")
        projects.append((token, project))
    asyncio.run(run(port, count, first, cursor, projects))


if __name__ == "__main__":
    main()
