"""SIGTERM as the threads see it: it has come, and this is when there is no time left for last words."""

from __future__ import annotations

import threading
import time

LAST_WORDS_SECONDS = 9.0  # of the ten that an operator's SIGTERM grants


class Shutdown:
    """Begins once, never ends."""

    def __init__(self) -> None:
        self._begun = threading.Event()
        self._deadline = float("inf")

    def begin(self) -> None:
        """Note that the process is to end; safe in a signal handler."""
        if not self._begun.is_set():
            self._deadline = time.monotonic() + LAST_WORDS_SECONDS
            self._begun.set()

    def begun(self) -> bool:
        """Return whether the process is to end."""
        return self._begun.is_set()

    def wait(self, seconds: float) -> bool:
        """Sleep until it begins, at most ``seconds``; returns whether it has."""
        return self._begun.wait(seconds)

    def over(self) -> bool:
        """Return whether the time for last words is used up."""
        return time.monotonic() > self._deadline
