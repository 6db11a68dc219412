"""Settings by environment, with a schema: whatever is missing or wrong is told at once, and nothing starts.

Each reader gives a value of its type. A value that cannot be had is written down with the name of the variable and what
to do, and `check` stops the process with all of them. No sentence repeats a secret's value.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from difflib import get_close_matches
from typing import Any
from urllib.parse import SplitResult, urlsplit

import dj_database_url

from axons_service.jobs.deadlines import stall_limits

BROKERS = ("amqp", "amqps", "redis", "rediss", "memory")
LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")
RATE = re.compile(r"off|[1-9]\d*/[1-9]\d*")
HOST = re.compile(r"\*|\.?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*|\[[0-9A-Fa-f:]+\]")
SECRET_LENGTH = 32


class Environment:
    """The environment of this process, read once."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = values
        self.faults: list[str] = []
        self.names: set[str] = set()

    def check(self) -> None:
        """Raises SystemExit with one sentence for each fault."""
        if self.faults:
            head = "axons-service cannot start:" if len(self.faults) > 1 else "axons-service:"
            raise SystemExit("\n  ".join([head, *self.faults]) if len(self.faults) > 1 else f"{head} {self.faults[0]}")

    def text(self, name: str, default: str | None = None, *, example: str = "") -> str:
        """Any text. An empty value counts as none where one is needed."""
        self.names.add(name)
        value = self.values.get(name, default)
        if value is None or (default is None and not value.strip()):
            such = f", for example to {example}" if example else ""
            self.faults.append(f"the environment variable {name} is not set. Set it{such} and start again.")
            return ""
        return value

    def choice(self, name: str, default: str, choices: tuple[str, ...]) -> str:
        """One of a few words."""
        value = self.text(name, default)
        if value in choices:
            return value
        self._wrong(name, value, f"It is one of {', '.join(choices)}.")
        return default

    def choices(self, name: str, default: str, choices: tuple[str, ...]) -> list[str]:
        """Any of a few words, separated by commas."""
        found = self.items(name, default)
        for item in found:
            if item not in choices:
                self._wrong(name, item, f"It takes {', '.join(choices)}, separated by commas.")
        return found

    def label(self, name: str) -> str:
        """A short name that clouds take in their labels; empty when it is not set."""
        value = self.text(name, "")
        if value and not LABEL.fullmatch(value):
            self._wrong(name, value, "It is 1 to 32 of a-z, 0-9 and -, and begins and ends with a letter or digit.")
        return value

    def number(self, name: str, default: float, *, least: float) -> float:
        """A number that is not smaller than `least`."""
        value = self.text(name, f"{default:g}")
        try:
            number = float(value)
        except ValueError:
            number = float("nan")
        if least <= number < float("inf"):
            return number
        self._wrong(name, value, f"It is a number of at least {least:g}.")
        return default

    def integer(self, name: str, default: int, *, least: int) -> int:
        """A whole number that is not smaller than `least`."""
        value = self.text(name, str(default))
        try:
            number = int(value)
        except ValueError:
            number = least - 1
        if number >= least:
            return number
        self._wrong(name, value, f"It is a whole number of at least {least}.")
        return default

    def items(self, name: str, default: str = "") -> list[str]:
        """A comma-separated list, without empty items."""
        return [item.strip() for item in self.text(name, default).split(",") if item.strip()]

    def hosts(self, name: str, default: str) -> list[str]:
        """Host names, without scheme and port."""
        found = self.items(name, default)
        for item in found:
            if not HOST.fullmatch(item):
                self._wrong(name, item, "It takes host names alone, like axons.example.org, separated by commas.")
        return found

    def origins(self, name: str) -> list[str]:
        """Origins as browsers send them: scheme and host, no path."""
        found = self.items(name)
        for item in found:
            parts = _split(item)
            if (
                parts is None
                or parts.scheme not in ("http", "https")
                or not parts.hostname
                or parts.path
                or parts.query
            ):
                self._wrong(name, item, "An origin has no path: https://lms.example.org, separated by commas.")
        return found

    def url(self, name: str, default: str | None = None) -> str:
        """An http or https address."""
        value = self.text(name, default, example="https://axons.example.org")
        parts = _split(value)
        if value and (parts is None or parts.scheme not in ("http", "https") or not parts.hostname):
            self._wrong(name, value, "It is an address like https://host or http://host:port.")
        return value

    def broker(self, name: str) -> str:
        """The address of a RabbitMQ, or of a Valkey. Its value is never told: it carries a password."""
        value = self.text(name, example="amqp://axons:password@mq//")
        parts = _split(value)
        if value and (parts is None or parts.scheme not in BROKERS):
            self.faults.append(f"{name} is no address of a broker. Set it to amqp://user:password@host// (RabbitMQ).")
        return value

    def database(self, name: str) -> dict[str, Any]:
        """Django's settings of a database. The address is never told: it carries a password."""
        value = self.text(name, example="postgres://axons:password@db/axons")
        parsed: dict[str, Any] = {}
        with suppress(Exception):  # it raises whatever its parts raise
            parsed = dict(dj_database_url.parse(value, conn_max_age=60, conn_health_checks=True)) if value else {}
        if value and not (parsed.get("ENGINE", "").endswith(("postgresql", "sqlite3")) and parsed.get("NAME")):
            self.faults.append(f"{name} is no address of a database. Set it to postgres://user:password@host/name.")
            parsed = {}
        return parsed or {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}

    def rate(self, name: str, default: str) -> str:
        """Requests per seconds, or `off`."""
        value = self.text(name, default)
        if not RATE.fullmatch(value):
            self._wrong(name, value, "It is requests per seconds like 120/60, or off.")
        return value

    def stalls(self, name: str, default: str) -> dict[str, float]:
        """Seconds by phase."""
        try:
            return stall_limits(self.text(name, default))
        except ValueError as error:
            self.faults.append(f"{name}: {error}. An example: 600,fetching=900")
            return stall_limits(default)

    def misspelt(self) -> dict[str, str]:
        """Variables that nothing here reads and that look like one that is read and not set, each with that one."""
        free = [name for name in self.names if name not in self.values]
        found = {}
        for name in sorted(self.values):
            if name.startswith("AXONS_") and name not in self.names:
                for alike in get_close_matches(name, free, n=1, cutoff=0.9):
                    found[name] = alike
        return found

    def strict(self, *, given: tuple[str, ...], secret: str, hosts: list[str]) -> None:
        """What only a deployment that others reach must have."""
        for name in given:
            if not self.values.get(name, "").strip():
                self.faults.append(f"the environment variable {name} is not set. Set it and start again.")
        if secret and len(secret) < SECRET_LENGTH:
            make = 'python -c "import secrets; print(secrets.token_urlsafe(48))"'
            self.faults.append(
                f"AXONS_SECRET_KEY is shorter than {SECRET_LENGTH} characters. Set it to what {make} prints."
            )
        if "*" in hosts:
            self.faults.append("AXONS_ALLOWED_HOSTS is *: any host name is believed. Name this service's hosts.")

    def _wrong(self, name: str, value: str, what: str) -> None:
        self.faults.append(f"{name} is “{value}”. {what}")


def _split(value: str) -> SplitResult | None:
    """The parts of an address; None for what has none, such as a port that is no number."""
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        return None
    return parts
