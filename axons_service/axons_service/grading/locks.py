"""Grading locks: one grader at a time, visible, for eight hours, and taken over only on purpose."""

from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from axons_service.grading import selectors
from axons_service.grading.models import AuditEntry, Submission
from axons_service.operations.problems import Problem
from axons_service.sites.callers import Caller

LOCK_LIFE = timedelta(hours=8)


@transaction.atomic
def lock_take(*, caller: Caller, submission_id: UUID, take_over: bool = False) -> Submission:
    """Keep other graders from the submission for eight hours; Problem 409 `locked` when another one has it.

    `take_over` takes it from them. Whoever has it already gets eight hours anew.
    """
    submission = selectors.submission_for(caller, submission_id)
    now = timezone.now()
    free = Q(locked_until__isnull=True) | Q(locked_until__lt=now) | Q(locked_by=caller.learner)
    rows = (
        Submission.objects.filter(pk=submission.pk) if take_over else Submission.objects.filter(free, pk=submission.pk)
    )
    if rows.update(locked_by=caller.learner, locked_until=now + LOCK_LIFE) != 1:
        raise _locked()
    if not (_is_held(submission) and submission.locked_by == caller.learner):
        other = submission.locked_by if _is_held(submission) else ""
        action = AuditEntry.Action.TAKE_OVER if other else AuditEntry.Action.LOCK
        _note(submission, caller, action, other, caller.learner)
    return selectors.submission_for(caller, submission_id)


@transaction.atomic
def lock_release(*, caller: Caller, submission_id: UUID) -> Submission:
    """Let others at it again; nothing happens when the lock is another grader's."""
    submission = selectors.submission_for(caller, submission_id)
    mine = Submission.objects.filter(pk=submission.pk, locked_by=caller.learner)
    if mine.update(locked_by="", locked_until=None) == 1:
        _note(submission, caller, AuditEntry.Action.RELEASE, caller.learner, "")
    return selectors.submission_for(caller, submission_id)


def lock_check(submission: Submission, caller: Caller) -> None:
    """Raise Problem 409 `locked` when another grader has the submission now."""
    if _is_held(submission) and submission.locked_by != caller.learner:
        raise _locked()


def _is_held(submission: Submission) -> bool:
    return submission.locked_until is not None and submission.locked_until > timezone.now()


def _note(submission: Submission, caller: Caller, action: str, before: str, after: str) -> None:
    AuditEntry.objects.create(
        submission=submission,
        actor=caller.learner,
        action=action,
        before={"grader": before},
        after={"grader": after},
    )


def _locked() -> Problem:
    return Problem(409, "locked", "Another grader is grading this submission. Wait, or take it over on purpose.")
