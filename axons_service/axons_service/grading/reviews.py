"""What graders decide: reviews, and what they grant and note. Everything leaves an audit entry."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from axons_service.exercises.models import Project
from axons_service.grading import selectors
from axons_service.grading.delivery import grade_queue
from axons_service.grading.locks import lock_check
from axons_service.grading.models import Allowance, AuditEntry, Review, Submission
from axons_service.grading.scoring import final_score, rubric_of, rubric_score
from axons_service.grading.services import submission_tell
from axons_service.operations.problems import FieldError, Problem
from axons_service.sites.callers import Caller

MAX_EXTRA_TRIES = 100


def review_create(
    *,
    caller: Caller,
    submission_id: UUID,
    score: float | None,
    comment: str,
    clear: bool,
    idempotency_key: str,
    rubric: dict[str, dict[str, Any]] | None = None,
    reason: str = "",
    returns: bool = False,
) -> Submission:
    """Append a grader's decision: an override, its removal, rubric points, a return for revision, or a comment.

    Raises Problem 404, 409 `locked` or `not_scored`, 422 `review_contradicts`, `review_empty` or `rubric_invalid`.
    """
    points = rubric or {}
    if clear and score is not None:
        raise Problem(422, "review_contradicts", "A review either sets a score or clears it, not both.")
    if returns and not comment.strip():
        raise Problem(422, "reason_missing", "Say in the comment what the learner should change.")
    if score is None and not clear and not comment and not points:
        raise Problem(422, "review_empty", "Give a score or a comment.")
    with transaction.atomic():
        submission = selectors.submission_for(caller, submission_id)
        Project.objects.select_for_update().get(pk=submission.project_id)
        first = Review.objects.filter(submission=submission, idempotency_key=idempotency_key).first()
        asked = (score, comment, clear, points, reason, returns)
        if first is not None:
            kept = (first.score, first.comment, first.clears_override, first.rubric, first.reason, first.returns)
            if kept != asked:
                sentence = "This Idempotency-Key was used for another request. Send a new key with a new request."
                raise Problem(422, "idempotency_mismatch", sentence)
            return submission
        submission = selectors.submission_for(caller, submission_id)  # as it is under the lock
        lock_check(submission, caller)
        changes_score = score is not None or clear or bool(points)
        if (changes_score or returns) and submission.state != Submission.State.SCORED:
            raise Problem(409, "not_scored", "This submission has no score yet that could be changed.")
        criteria = rubric_of(submission.spec.body)
        if points:
            _rubric_check(criteria, points)
        Review.objects.create(
            submission=submission,
            grader=caller.learner,
            score=score,
            comment=comment,
            clears_override=clear,
            rubric=points,
            reason=reason,
            returns=returns,
            idempotency_key=idempotency_key,
        )
        before = _state_of(submission)
        if points:
            submission.rubric_score = rubric_score(criteria, points)
        if score is not None or clear:
            submission.override_score = score
        if returns:
            submission.returned_at = timezone.now()
        submission.final_score = final_score(
            submission.spec.body,
            automatic=submission.automatic_score,
            rubric=submission.rubric_score,
            override=submission.override_score,
        )
        submission.save(update_fields=["rubric_score", "override_score", "returned_at", "final_score"])
        audit(submission, caller, AuditEntry.Action.REVIEW, before, _state_of(submission), reason or comment)
        if changes_score and (submission.final_score is not None or before["score"] is not None):
            grade_queue(submission=submission, reason="override")
        submission_tell(submission)
    return selectors.submission_for(caller, submission_id)


@transaction.atomic
def allowance_set(
    *, caller: Caller, submission_id: UUID, extra_tries: int, extended_until: datetime | None, reason: str
) -> Allowance:
    """Grant the submission's learner tries beyond the spec's, and a later due date; replaces what was granted."""
    if not reason.strip():
        raise Problem(422, "reason_missing", "Say why the learner gets this, so that others can follow it.")
    submission = selectors.submission_for(caller, submission_id)
    Project.objects.select_for_update().get(pk=submission.project_id)
    allowance, _ = Allowance.objects.get_or_create(project=submission.project)
    before = allowance_output(allowance)
    allowance.extra_tries, allowance.extended_until = extra_tries, extended_until
    allowance.save()
    audit(submission, caller, AuditEntry.Action.ALLOWANCE, before, allowance_output(allowance), reason)
    submission_tell(submission)
    return allowance


def note_create(*, caller: Caller, submission_id: UUID, text: str) -> AuditEntry:
    """Write something down beside a submission, for staff alone."""
    submission = selectors.submission_for(caller, submission_id)
    return audit(submission, caller, AuditEntry.Action.NOTE, {}, {}, text)


def audit(
    submission: Submission, caller: Caller, action: str, before: dict[str, Any], after: dict[str, Any], reason: str
) -> AuditEntry:
    """Append to the audit trail, in the transaction of what it tells."""
    return AuditEntry.objects.create(
        submission=submission, actor=caller.learner, action=action, before=before, after=after, reason=reason
    )


def allowance_output(allowance: Allowance | None) -> dict[str, Any]:
    """What a learner was granted, as JSON-ready values."""
    until = allowance.extended_until if allowance is not None else None
    return {
        "extra_tries": allowance.extra_tries if allowance is not None else 0,
        "extended_until": until.isoformat() if until is not None else None,
    }


def _state_of(submission: Submission) -> dict[str, Any]:
    return {
        "score": submission.final_score,
        "rubric_score": submission.rubric_score,
        "override_score": submission.override_score,
        "returned": submission.returned_at is not None,
    }


def _rubric_check(criteria: list[dict[str, Any]], points: dict[str, dict[str, Any]]) -> None:
    errors: list[FieldError] = []
    most = {criterion["id"]: criterion["points"] for criterion in criteria}
    titles = {criterion["id"]: criterion["title"] for criterion in criteria}
    for name in points:
        if name not in most:
            errors.append({"field": f"rubric.{name}", "message": f"The rubric has no criterion named {name}."})
    for name, limit in most.items():
        given = points.get(name, {}).get("points")
        if given is None or not 0 <= given <= limit:
            sentence = f"{titles[name]}: give a number of points from 0 to {limit:g}."
            errors.append({"field": f"rubric.{name}", "message": sentence})
    if errors:
        raise Problem(422, "rubric_invalid", errors[0]["message"], errors)
