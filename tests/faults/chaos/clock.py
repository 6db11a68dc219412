"""A clock that jumps, by libfaketime: which library, which environment, and what it breaks beside."""

from __future__ import annotations

import os
import select
import time
from pathlib import Path

LIBRARY = "libfaketime.so.1"


class NoFaketime(Exception):
    """The Debian package is missing; the message says what to do."""


def environment(file: Path) -> dict[str, str]:
    """What moves a program's wall clock by what `file` says ("+3600"), read again every second. Raises NoFaketime.

    As when an operator or NTP sets a clock, the monotonic one goes on undisturbed.
    """
    found = sorted(Path("/usr/lib").glob(f"*/faketime/{LIBRARY}"))
    if not found:
        raise NoFaketime("libfaketime is not installed. Debian: apt-get install libfaketime.")
    return {
        "LD_PRELOAD": str(found[0]),
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


def sleep_under_faketime() -> None:
    """Let `time.sleep` wait by select: libfaketime answers EINVAL to the clock_nanosleep that Python uses."""
    if "FAKETIME_TIMESTAMP_FILE" in os.environ:
        time.sleep = _sleep


def _sleep(seconds: float) -> None:
    select.select([], [], [], seconds)
