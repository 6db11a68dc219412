"""Pictures that a student might bring: good ones, and three that are not what they say."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

from axons_demo.preparation import OBJECTS

BOMB_SIDE = 30_000


def samples() -> list[Path]:
    """The sample pictures of the course, that no set contains; their names begin with their class."""
    return sorted((OBJECTS / "samples").glob("*.jpg"))


def text_as_picture() -> bytes:
    return b"This is a shopping list, not a photograph.\nMilk, bread, two bananas.\n"


def truncated(picture: bytes) -> bytes:
    return picture[: len(picture) // 3]


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def huge_png(side: int = BOMB_SIDE) -> bytes:
    """A valid one-bit PNG of side by side pixels in about 100 kB: 900 million pixels once decoded."""
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    row = b"\x00" * (1 + (side + 7) // 8)
    compressor = zlib.compressobj(9)
    body = b"".join(compressor.compress(row) for _ in range(side)) + compressor.flush()
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")
