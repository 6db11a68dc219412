"""The wire between two hosts, in userspace: what tc's netem would do, where the kernel lacks it."""

from __future__ import annotations

import asyncio
import random
import socket
import struct

CHUNK = 64 << 10
DELAY_SECONDS = 0.2  # each way
RESET_SHARE = 0.02
RST_AT_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER, no time to linger


class Reset(Exception):
    """This connection is to be reset now."""


class Link:
    """Bytes from `port`, on every address of this host, to `upstream` on loopback and back.

    While it `is_bad`, they take `delay` seconds more each way, and of the new connections the share `resets` is reset:
    half of these before the request arrives, half when it was answered and nobody hears of it.
    """

    def __init__(
        self, port: int, upstream: int, rng: random.Random, *, delay: float = DELAY_SECONDS, resets: float = RESET_SHARE
    ) -> None:
        self.port = port
        self.upstream = upstream
        self.is_bad = False
        self.connections = 0
        self.bad_connections = 0
        self.resets = 0
        self._rng = rng
        self._delay = delay
        self._share = resets
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "0.0.0.0", self.port)

    async def stop(self) -> None:
        """Take no more connections and end those that are open."""
        if self._server is not None:
            self._server.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    def _accept(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(near, back))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.bad_connections += self.is_bad
        is_doomed = self.is_bad and self._rng.random() < self._share
        unheard = is_doomed and self._rng.random() < 0.5
        try:
            far, forth = await asyncio.open_connection("127.0.0.1", self.upstream)
        except OSError:
            back.close()
            return
        ways = {
            asyncio.create_task(self._carry(near, forth, is_doomed and not unheard)),
            asyncio.create_task(self._carry(far, back, unheard)),
        }
        try:
            done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_EXCEPTION)
            if any(isinstance(way.exception(), Reset) for way in done):
                self.resets += 1
                wire: socket.socket = back.get_extra_info("socket")
                wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST_AT_CLOSE)
                back.transport.abort()
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            back.close()
            forth.close()

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, is_doomed: bool) -> None:
        """One way, until its end. Raises Reset at the first bytes of a doomed one, OSError when a side is gone."""
        while data := await source.read(CHUNK):
            if self.is_bad:
                await asyncio.sleep(self._delay)
            if is_doomed:
                raise Reset
            sink.write(data)
            await sink.drain()
        sink.write_eof()
