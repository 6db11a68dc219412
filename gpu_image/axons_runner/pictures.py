"""A learner's picture, made safe: validated, oriented, converted to RGB, at most 1,024 px, re-encoded as JPEG.

:func:`convert` does it; :class:`PictureConverter` runs it in a process of its own with limited memory, reused from
picture to picture and replaced when it dies. ``python -m axons_runner.pictures`` is that process: frames on stdin and
stdout, each a length (4 bytes, big endian) and that many bytes.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import resource
import signal
import struct
import subprocess
import sys
import threading
import warnings
from typing import IO

from PIL import Image, ImageOps, UnidentifiedImageError

from axons_runner.errors import Infrastructure, InvalidInput

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
ALLOWED = "JPEG, PNG, WebP, GIF, BMP or TIFF"
MAX_BYTES = 20 << 20
MAX_PIXELS = 40_000_000
SMALLEST_SIDE = 8
LARGEST_SIDE = 1024
QUALITY = 92
MEMORY_BYTES = 1536 << 20
SECONDS = 15.0


def convert(name: str, data: bytes) -> bytes:
    """Return the picture as a clean JPEG. Raises InvalidInput with a sentence that names the file and the reason."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                _check_header(name, image)
                image.draft("RGB", (LARGEST_SIDE, LARGEST_SIDE))
                image.load()
                return _encode(_to_rgb(image))
    except UnidentifiedImageError as error:
        raise InvalidInput(f"“{name}” is not a picture we can read. Allowed are {ALLOWED}.") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InvalidInput(f"“{name}” has too many pixels; {MAX_PIXELS // 1_000_000} million are allowed.") from error
    except MemoryError as error:
        raise InvalidInput(f"“{name}” needs too much memory to open. Try a smaller version of it.") from error
    except (OSError, SyntaxError, ValueError, EOFError, struct.error, IndexError, TypeError) as error:
        raise InvalidInput(f"“{name}” is damaged or incomplete, so it cannot be opened.") from error


def _check_header(name: str, image: Image.Image) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise InvalidInput(
            f"“{name}” has {width:,} × {height:,} pixels, which is too many; "
            f"{MAX_PIXELS // 1_000_000} million in all are allowed."
        )
    if min(width, height) < SMALLEST_SIDE:
        raise InvalidInput(
            f"“{name}” has only {width} × {height} pixels; at least {SMALLEST_SIDE} × {SMALLEST_SIDE} are needed."
        )
    # MPO is what phones write: a JPEG with a second view behind it. The first one is the picture.
    if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:
        raise InvalidInput(f"“{name}” is animated or has several pages; please choose a single picture.")


def _to_rgb(image: Image.Image) -> Image.Image:
    upright = ImageOps.exif_transpose(image)
    if upright.mode in ("I", "I;16", "I;16B", "I;16L", "F"):
        brightest = float(upright.getextrema()[1])  # type: ignore[arg-type]
        top = max(brightest, 1.0) if upright.mode == "F" or brightest <= 255 else 65535.0
        upright = upright.convert("F").point(lambda value: value * (255 / top)).convert("L")
    if "A" in upright.getbands() or "transparency" in upright.info:
        layer = upright.convert("RGBA")
        upright = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    rgb = upright.convert("RGB")
    rgb.thumbnail((LARGEST_SIDE, LARGEST_SIDE), Image.Resampling.LANCZOS, reducing_gap=3)
    return rgb


def _encode(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=QUALITY)  # a fresh image: no EXIF, no ICC profile
    return out.getvalue()


class PictureConverter:
    """The limited process, started when first needed. One picture at a time; safe to use from several threads."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self.seconds = seconds
        self.lock = threading.Lock()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> subprocess.Popen[bytes]:
        """Return the running process, a new one when there is none."""
        if self.process is None or self.process.poll() is not None:
            command = [sys.executable, "-m", "axons_runner.pictures"]
            environment = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
            )
        return self.process

    def convert(self, name: str, data: bytes) -> bytes:
        """Return a clean JPEG. Raises InvalidInput, or Infrastructure when the process cannot be started."""
        if len(data) > MAX_BYTES:
            raise InvalidInput(f"“{name}” is larger than {MAX_BYTES >> 20} MiB, which is the limit for one picture.")
        with self.lock:
            try:
                process = self.start()
            except OSError as error:
                raise Infrastructure("The process that opens pictures cannot be started.") from error
            assert process.stdin is not None
            assert process.stdout is not None
            watch = threading.Timer(self.seconds, process.kill)
            watch.start()
            try:
                _write(process.stdin, json.dumps({"name": name}).encode())
                _write(process.stdin, data)
                answer = json.loads(_read(process.stdout))
                picture = _read(process.stdout)
            except (OSError, EOFError) as error:
                process.kill()
                process.wait()
                raise InvalidInput(
                    f"“{name}” could not be opened within the limits of time and memory. Try a smaller version of it."
                ) from error
            finally:
                watch.cancel()
        if answer["refused"]:
            raise InvalidInput(answer["refused"])
        return picture

    def close(self) -> None:
        """End the process."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()


def serve(source: IO[bytes], target: IO[bytes]) -> None:
    """Answer requests until ``source`` ends."""
    with contextlib.suppress(EOFError):
        while True:
            name = json.loads(_read(source))["name"]
            data = _read(source)
            refused, picture = None, b""
            try:
                picture = convert(name, data)
            except InvalidInput as refusal:
                refused = refusal.message
            _write(target, json.dumps({"refused": refused}).encode())
            _write(target, picture)


def _limit() -> None:
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, signal.SIG_IGN)  # the parent decides: our stdin ends when it does
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":  # macOS refuses a limit on address space
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


def _write(stream: IO[bytes], data: bytes) -> None:
    stream.write(struct.pack(">I", len(data)))
    stream.write(data)
    stream.flush()


def _read(stream: IO[bytes]) -> bytes:
    (length,) = struct.unpack(">I", _exactly(stream, 4))
    return _exactly(stream, length)


def _exactly(stream: IO[bytes], length: int) -> bytes:
    data = stream.read(length)
    if len(data) != length:
        raise EOFError
    return data


if __name__ == "__main__":
    _limit()
    serve(sys.stdin.buffer, sys.stdout.buffer)
