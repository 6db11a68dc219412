"""HTTP/1.1 messages on asyncio streams, whole: as much of it as proxies that break things and small clients need."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

LIMIT = 1 << 20
BODILESS = (204, 304)


class Broken(Exception):
    """The other side ended in the middle of a message, or sent something that is none."""


@dataclass
class Message:
    """A request or response. `start` is its first line; `headers` keep order and spelling."""

    start: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")

    @property
    def method(self) -> str:
        return self.start.split(" ", 1)[0]

    @property
    def target(self) -> str:
        return self.start.split(" ")[1]

    @property
    def path(self) -> str:
        return self.target.split("?", 1)[0]

    @property
    def status(self) -> int:
        return int(self.start.split(" ")[1])

    def json(self) -> Any:
        """The body as JSON; None when it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    def without(self, *names: str) -> Message:
        """The same message without these headers."""
        kept = [(key, value) for key, value in self.headers if key.lower() not in names]
        return Message(self.start, kept, self.body)

    def encode(self) -> bytes:
        lines = [self.start, *(f"{key}: {value}" for key, value in self.headers)]
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + self.body


def answer(status: int, body: Mapping[str, Any] | None = None, *, content_type: str = "application/json") -> Message:
    """A response of our own."""
    data = b"" if body is None else json.dumps(body).encode()
    headers = [("Content-Type", content_type), ("Content-Length", str(len(data)))]
    return Message(f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", headers, data)


async def read_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Message | None:
    """The next request of a connection, its body asked for when the client waits; None when the client is done."""
    message = await _head(reader)
    if message is None:
        return None
    if message.header("Expect").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        await writer.drain()
        message = message.without("expect")
    return await _body(reader, message, until_end=False)


async def read_response(reader: asyncio.StreamReader, method: str) -> Message:
    """The response to a request with this method. Raises Broken when there is none, or half of one."""
    while True:
        message = await _head(reader)
        if message is None:
            raise Broken("no response")
        if message.status >= 200:
            break
    if method == "HEAD" or message.status in BODILESS:
        return message
    return await _body(reader, message, until_end=True)


async def exchange(host: str, port: int, request: Message) -> Message:
    """Send a request on a connection of its own and return the response. Raises OSError, Broken."""
    reader, writer = await asyncio.open_connection(host, port, limit=LIMIT)
    try:
        # `Connection` is hop by hop: no signature covers it
        sent = request.without("connection")
        sent.headers.append(("Connection", "close"))
        writer.write(sent.encode())
        await writer.drain()
        return await read_response(reader, request.method)
    finally:
        writer.close()


async def _head(reader: asyncio.StreamReader) -> Message | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise Broken("half a head") from error
        return None
    except (asyncio.LimitOverrunError, ConnectionError) as error:
        raise Broken(str(error)) from error
    start, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    headers = []
    for line in lines:
        key, _, value = line.partition(":")
        headers.append((key, value.strip()))
    return Message(start, headers)


async def _body(reader: asyncio.StreamReader, message: Message, *, until_end: bool) -> Message:
    try:
        if message.header("Transfer-Encoding").lower() == "chunked":
            message = message.without("transfer-encoding")
            message.body = await _chunks(reader)
            message.headers.append(("Content-Length", str(len(message.body))))
        elif length := message.header("Content-Length"):
            message.body = await reader.readexactly(int(length))
        elif until_end:
            message.body = await reader.read()
            message.headers.append(("Content-Length", str(len(message.body))))
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, ValueError) as error:
        raise Broken(str(error)) from error
    return message


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    found = bytearray()
    while True:
        size = int((await reader.readuntil(b"\r\n")).split(b";")[0], 16)
        found += await reader.readexactly(size)
        await reader.readexactly(2)
        if size == 0:
            return bytes(found)
