"""The sweeper: short slices of every rule, one after the other, until the time of this call is used."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from django.db.models import Sum
from django.utils import timezone

from axons_service.operations.idempotency import idempotent_answers_sweep
from axons_service.operations.rates import rate_buckets_sweep
from axons_service.operations.retention import ages, collect
from axons_service.operations.retention.trash import trash_expire
from axons_service.sites.services import used_tokens_sweep
from axons_service.storage.models import Trash
from axons_service.training_sets.models import Upload
from axons_service.training_sets.services import UPLOAD_LIFE, uploads_sweep

SECONDS = 60.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Due:
    """What one rule would take now."""

    rule: str
    count: int
    bytes: int


def sweep_run(*, seconds: float = SECONDS) -> dict[str, int]:
    """Apply every rule, each again and again while it finds something and time is left: {rule: count}.

    Rows first, objects after: whatever is killed in between is found again. A rule that fails does not stop the rest.
    """
    deadline = time.monotonic() + seconds
    rules: dict[str, Callable[[], int]] = {
        "tokens": used_tokens_sweep,
        "answers": idempotent_answers_sweep,
        "rate buckets": rate_buckets_sweep,
        "uploads": uploads_sweep,
        "trash": trash_expire,
        "courses": ages.courses_sweep,
        "workshops": ages.workshops_sweep,
        "checkpoints": lambda: ages.checkpoints_sweep().count,
        "deletions": collect.deletions_drain,
        "tmp": lambda: ages.tmp_sweep().count,
        "multiparts": ages.multiparts_sweep,
    }
    done = {rule: _repeat(rule, act, deadline) for rule, act in rules.items()}
    done["orphans"] = _orphans(deadline)
    return done


def sweep_preview() -> list[Due]:
    """What every rule would take now, with bytes; nothing is changed. Lists the whole bucket."""
    now = timezone.now()
    uploads = Upload.objects.filter(created_at__lt=now - UPLOAD_LIFE)
    trash = Trash.objects.filter(restored_at=None, purged_at=None, expires_at__lt=now)
    surplus = ages.checkpoints_surplus()
    tmp = ages.tmp_sweep(pages=10**6, dry_run=True)
    orphans = collect.orphans_count()
    courses = [
        ages.course_projects(policy, older_than=ages.course_cutoff(policy)).count() for policy in ages.ended_policies()
    ]
    return [
        Due("uploads older than a day", uploads.count(), uploads.aggregate(n=Sum("bytes"))["n"] or 0),
        Due("trash older than 14 days", trash.count(), trash.aggregate(n=Sum("bytes"))["n"] or 0),
        Due("projects of ended courses, into the trash", sum(courses), 0),
        Due("workshops untouched for 90 days, into the trash", ages.workshops_idle().count(), 0),
        Due("checkpoints of jobs over for 7 days", surplus.count(), surplus.aggregate(n=Sum("bytes"))["n"] or 0),
        Due("temporary objects older than a day", tmp.count, tmp.bytes),
        Due("objects that nothing names", orphans.deleted, orphans.bytes),
    ]


def _repeat(rule: str, act: Callable[[], int], deadline: float) -> int:
    total = 0
    try:
        while (done := act()) > 0:
            total += done
            if time.monotonic() >= deadline:
                break
    except Exception:
        logger.exception("the sweeper's rule %s failed", rule)
    return total


def _orphans(deadline: float) -> int:
    """Go on with the orphan pass while time is left; how many objects it has deleted since it began."""
    deleted = 0
    try:
        while time.monotonic() < deadline:
            state = collect.orphans_collect()
            deleted = state.objects_deleted
            if state.finished_at is not None:
                break
    except Exception:
        logger.exception("the orphan pass stopped")
    return deleted
