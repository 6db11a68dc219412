"""Warm windows as an operator writes them down, and the sentence when one makes no sense. Pure."""

from datetime import time
from typing import Any
from zoneinfo import ZoneInfo

from axons_service.compute.policy import Window

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
NAMES = ("days", "from", "until", "runners", "zone")
EXAMPLE = '[{"days": "mon-fri", "from": "07:45", "until": "12:00", "runners": 20, "zone": "Europe/Paris"}]'


def windows_parse(value: object) -> tuple[Window, ...]:
    """The windows of a pool. Raises ValueError with a sentence that says which one is wrong."""
    if not isinstance(value, list):
        raise ValueError(f"Warm windows are a list, for example {EXAMPLE}.")
    return tuple(_window(number, item) for number, item in enumerate(value, start=1))


def _window(number: int, item: object) -> Window:
    if not isinstance(item, dict) or not {"from", "until", "runners"} <= item.keys() <= set(NAMES):
        raise ValueError(f"Window {number} needs from, until and runners, and may have days and zone: {EXAMPLE}.")
    try:
        since, until = time.fromisoformat(str(item["from"])), time.fromisoformat(str(item["until"]))
    except ValueError:
        raise ValueError(f"Window {number}: from and until are times like 07:45.") from None
    if since.tzinfo is not None or until.tzinfo is not None or since == until:
        raise ValueError(f"Window {number}: from and until are two different times like 07:45, without an offset.")
    runners = item["runners"]
    if isinstance(runners, bool) or not isinstance(runners, int) or runners < 1:
        raise ValueError(f"Window {number}: runners is a whole number from 1.")
    zone = item.get("zone", "UTC")
    try:
        ZoneInfo(zone)
    except Exception:  # a missing zone, a path, a number: each raises its own
        raise ValueError(f"Window {number}: there is no time zone {zone!r}. Write one like Europe/Paris.") from None
    return Window(_days(number, item.get("days", "mon-sun")), since, until, runners, zone)


def _days(number: int, value: Any) -> frozenset[int]:
    """ISO weekdays of a text like `mon-fri` or `sat, sun`."""
    days: set[int] = set()
    for part in str(value).lower().replace(" ", "").split(","):
        first, _, last = part.partition("-")
        last = last or first
        if first not in DAYS or last not in DAYS:
            raise ValueError(f"Window {number}: days are like mon-fri or sat,sun, not {value!r}.")
        begin, end = DAYS.index(first), DAYS.index(last)
        days |= {day % 7 + 1 for day in range(begin, end + 1 if end >= begin else end + 8)}
    return frozenset(days)
