"""Pictures for tests: good ones, odd ones, hostile ones."""

import io
import random
import struct
import zlib
from typing import Any

from PIL import Image


def photo(seed: int = 1, size: tuple[int, int] = (64, 48), mode: str = "RGB") -> Image.Image:
    """A picture that no other seed gives."""
    small = Image.frombytes("RGB", (8, 8), random.Random(seed).randbytes(192))
    return small.resize(size, Image.Resampling.BICUBIC).convert(mode)


def encoded(image: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def jpeg(seed: int = 1, **options: Any) -> bytes:
    return encoded(photo(seed), "JPEG", quality=92, **options)


def huge_png(width: int, height: int) -> bytes:
    """A valid PNG header that promises width by height pixels, in a few hundred bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


def animation(kind: str) -> bytes:
    return encoded(photo(1), kind, save_all=True, append_images=[photo(2)], duration=100)
