"""What a check found, without secrets."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any
from urllib.parse import unquote, urlsplit

from django.conf import settings

HIDDEN = "•••"


class Level(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    """One line of the report. `fix` says what to do; it is empty only when all is well."""

    level: Level
    part: str
    text: str
    fix: str = ""

    def line(self) -> str:
        return f"{self.level:<4}  {self.part}: {self.text}" + (f"\n      fix: {self.fix}" if self.fix else "")


def ok(part: str, text: str) -> Finding:
    return Finding(Level.OK, part, text)


def warn(part: str, text: str, fix: str) -> Finding:
    return Finding(Level.WARN, part, text, fix)


def fail(part: str, text: str, fix: str) -> Finding:
    return Finding(Level.FAIL, part, text, fix)


def without_secrets(finding: Finding) -> Finding:
    """The finding with every secret of the settings, and every password in an address, taken out."""
    return replace(finding, text=_hide(finding.text), fix=_hide(finding.fix))


def _hide(text: str) -> str:
    for secret in sorted(_secrets(), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return re.sub(r"(\w+://[^\s:/@]*):[^\s/@]+@", rf"\1:{HIDDEN}@", text)


def _secrets() -> Iterator[str]:
    s3: dict[str, Any] = settings.AXONS_S3
    database = settings.DATABASES["default"].get("PASSWORD", "")
    broker = unquote(urlsplit(settings.CELERY_BROKER_URL).password or "")
    named = [settings.SECRET_KEY, s3["secret_key"], s3["access_key"], settings.AXONS_METRICS_TOKEN, database, broker]
    yield from (str(value) for value in named if value and len(str(value)) >= 6)
