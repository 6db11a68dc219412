"""Background work in rows: one worker at a time claims a row by number, and says at every step that it is alive.

A worker that was killed is missed after a minute, and the next claim takes over; after three claims without progress
the row is given up. Rows have `state`, `claim`, `tries`, `beat_at` and `created_at`.
"""

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db.models import F, Q, QuerySet
from django.utils import timezone

MAX_TRIES = 3
STALE = timedelta(seconds=60)

logger = logging.getLogger(__name__)


class ClaimLost(Exception):
    """The row is another worker's now, or it is over."""


def row_claim(row: QuerySet[Any]) -> bool:
    """Claim the row that this query finds while there is work in it; False when another worker lives on it."""
    now = timezone.now()
    free = Q(beat_at__isnull=True) | Q(beat_at__lt=now - STALE)
    claimed = row.filter(free, tries__lt=MAX_TRIES).update(beat_at=now, tries=F("tries") + 1, claim=F("claim") + 1)
    return claimed == 1


def rows_rescue(
    rows: QuerySet[Any], *, publish: Callable[[Any], None], failed: str, message: str, limit: int = 50
) -> int:
    """Ask again for those of these rows whose message or worker was lost; fail those that did not get on."""
    cutoff = timezone.now() - STALE
    silent = Q(beat_at__lt=cutoff) | Q(beat_at__isnull=True, created_at__lt=cutoff)
    lost = list(rows.filter(silent).order_by("created_at")[:limit])
    for row in lost:
        if row.tries >= MAX_TRIES:
            logger.error("%s %s: gave up after %s tries", row._meta.verbose_name, row.pk, row.tries)
            rows.filter(pk=row.pk).update(state=failed, message=message)
        else:
            publish(row.pk)
    return len(lost)
