"""One-time links to the desk's full page. The LMS serves the page and asks here whether the link is still good."""

import hashlib
import secrets
from datetime import datetime, timedelta

from django.utils import timezone

from axons_service.grading.desk_tasks import exercise_of
from axons_service.grading.models import DeskLink
from axons_service.operations.problems import Problem
from axons_service.sites.callers import Caller

LINK_LIFE = timedelta(minutes=2)


def link_create(*, caller: Caller) -> tuple[str, datetime]:
    """A fresh token and when it ends. Only its hash is kept."""
    exercise = exercise_of(caller)
    DeskLink.objects.filter(exercise=exercise, expires_at__lt=timezone.now() - LINK_LIFE).delete()
    token = secrets.token_urlsafe(32)
    link = DeskLink.objects.create(
        exercise=exercise,
        grader=caller.learner,
        token_sha256=hashlib.sha256(token.encode()).hexdigest(),
        expires_at=timezone.now() + LINK_LIFE,
    )
    return token, link.expires_at


def link_redeem(*, caller: Caller, token: str) -> None:
    """Spend a link: once, by the grader who asked for it, in the exercise it is for. Raises Problem 410."""
    good = DeskLink.objects.filter(
        token_sha256=hashlib.sha256(token.encode()).hexdigest(),
        exercise__site=caller.site,
        exercise__usage_key=caller.usage,
        grader=caller.learner,
        used_at__isnull=True,
        expires_at__gt=timezone.now(),
    )
    if good.update(used_at=timezone.now()) != 1:
        raise Problem(410, "link_spent", "This link was used or is too old. Open the full page again from the unit.")
