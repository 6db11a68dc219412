"""Reads of the graders' desk: the list with its search, order and filters, and all there is about one submission.

Names are the LMS's: it turns what was searched for into learners, and learners into names.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import F, Q, QuerySet

from axons_service.exercises.specs import spec_for_role
from axons_service.grading import selectors
from axons_service.grading.deadlines import closes_at
from axons_service.grading.duplicates import duplicates_of, twins_of
from axons_service.grading.models import AuditEntry, Submission
from axons_service.grading.reviews import allowance_output
from axons_service.grading.serializers import submission_output
from axons_service.jobs import selectors as jobs
from axons_service.jobs.models import Model, Prediction
from axons_service.jobs.serializers import model_output, prediction_output
from axons_service.operations.cursors import cursor_read, cursor_sign
from axons_service.operations.problems import Problem
from axons_service.sites.callers import Caller
from axons_service.training_sets.serializers import training_set_output

SORTS = ("newest", "oldest", "score_high", "score_low")
STATES = ("scoring", "scored", "failed", "returned")
CURVE_POINTS = 300
MAX_LEARNERS = 2000
PREDICTIONS, ENTRIES, HISTORY = 12, 100, 50


@dataclass(frozen=True)
class Wish:
    """What the desk's list is asked for. `learners` None means everybody."""

    sort: str = "newest"
    state: str | None = None
    needs_review: bool = False
    overridden: bool = False
    min_score: float | None = None
    max_score: float | None = None
    learners: list[str] | None = field(default=None)


def exercise_submissions(caller: Caller) -> QuerySet[Submission]:
    """Every submission of the caller's exercise."""
    return Submission.objects.filter(project__exercise__site=caller.site, project__exercise__usage_key=caller.usage)


def desk_page(caller: Caller, wish: Wish, *, cursor: str | None, limit: int) -> tuple[list[dict[str, Any]], str | None]:
    """A page of the desk's list and the cursor of the next one; as many queries for any number of submissions.

    The ids of the page are found first: the rest of a row is then read for the page alone. Submissions without a score
    come last in both orders by score.
    """
    rows = _filtered(exercise_submissions(caller), wish)
    of = f"submissions:{caller.site.pk}:{caller.usage}:{hashlib.sha256(repr(wish).encode()).hexdigest()}"
    place = cursor_read(cursor, of=of) if cursor is not None else None
    if wish.sort in ("newest", "oldest"):
        rows = _by_time(rows, place, descending=wish.sort == "newest")
    else:
        rows = _by_score(rows, place, descending=wish.sort == "score_high")
    found = list(rows.values_list("pk", "created_at", "final_score")[: limit + 1])
    ids = [pk for pk, _, _ in found[:limit]]
    loaded = {each.pk: each for each in selectors.submissions().filter(pk__in=ids)}
    page = [loaded[pk] for pk in ids if pk in loaded]
    same = duplicates_of(page)
    shown = [{**submission_output(each, is_staff=True), "duplicates": same[str(each.pk)]} for each in page]
    if len(found) <= limit:
        return shown, None
    pk, created_at, score = found[limit - 1]
    return shown, cursor_sign([created_at.isoformat(), str(pk), score], of=of)


def desk_submission(caller: Caller, submission_id: UUID) -> dict[str, Any]:
    """Everything that a grader looks at: what was handed in, from what it came, and what was said about it."""
    submission = selectors.submission_for(caller, submission_id)
    model = Model.objects.select_related("job__training_set").get(pk=submission.model_id)
    job = model.job
    training_set = job.training_set if job is not None else None
    is_there = model.purged_at is None
    predictions = Prediction.objects.filter(model=model).select_related("job").order_by("-created_at")[:PREDICTIONS]
    project = submission.project
    closes = closes_at(project)
    entries = AuditEntry.objects.filter(submission__project=project).order_by("-created_at", "-pk")[:ENTRIES]
    shown = submission_output(submission, is_staff=True)
    return {
        "submission": {**shown, "duplicates": duplicates_of([submission])[str(submission.pk)]},
        "spec": spec_for_role(submission.spec.body, is_staff=True),
        "spec_hash": submission.spec.hash,
        "training_set": training_set_output(training_set) if training_set is not None else None,
        "model": model_output(model, with_urls=is_there),
        "curves": _curves(submission, model),
        "predictions": [prediction_output(each) for each in predictions] if is_there else [],
        "history": [
            submission_output(each, is_staff=True) for each in selectors.project_submissions(project, limit=HISTORY)
        ],
        "allowance": allowance_output(getattr(project, "allowance", None)),
        "closes_at": closes.isoformat() if closes else None,
        "duplicates": twins_of(submission),
        "audit": [_entry_output(entry) for entry in entries],
    }


def _filtered(rows: QuerySet[Submission], wish: Wish) -> QuerySet[Submission]:
    if wish.state == "returned":
        rows = rows.filter(returned_at__isnull=False)
    elif wish.state is not None:
        rows = rows.filter(state=wish.state)
    if wish.needs_review:
        rows = rows.filter(state=Submission.State.SCORED, returned_at__isnull=True, final_score__isnull=True)
    if wish.overridden:
        rows = rows.filter(override_score__isnull=False)
    if wish.min_score is not None:
        rows = rows.filter(final_score__gte=wish.min_score)
    if wish.max_score is not None:
        rows = rows.filter(final_score__lte=wish.max_score)
    if wish.learners is not None:
        rows = rows.filter(project__learner__in=wish.learners)
    return rows


def _by_time(rows: QuerySet[Submission], place: list[Any] | None, *, descending: bool) -> QuerySet[Submission]:
    step = "lt" if descending else "gt"
    if place is not None:
        moment, pk, _ = place
        rows = rows.filter(Q(**{f"created_at__{step}": moment}) | Q(created_at=moment, **{f"pk__{step}": pk}))
    return rows.order_by("-created_at", "-pk") if descending else rows.order_by("created_at", "pk")


def _by_score(rows: QuerySet[Submission], place: list[Any] | None, *, descending: bool) -> QuerySet[Submission]:
    step = "lt" if descending else "gt"
    if place is not None:
        _, pk, score = place
        after = Q(**{f"pk__{step}": pk})
        if score is None:
            rows = rows.filter(after, final_score__isnull=True)
        else:
            further = Q(**{f"final_score__{step}": score})
            rows = rows.filter(further | (after & Q(final_score=score)) | Q(final_score__isnull=True))
    score = F("final_score")
    if descending:
        return rows.order_by(score.desc(nulls_last=True), "-pk")
    return rows.order_by(score.asc(nulls_last=True), "pk")


def _curves(submission: Submission, model: Model) -> dict[str, Any] | None:
    """The run's curves; None while the store that they were moved to is away, or when the run was deleted."""
    if model.job is None or model.job.purged_at is not None:
        return None
    try:
        series = jobs.job_series(model.job, CURVE_POINTS)
    except Problem:
        return None
    return {"train": series["train"], "validation": series["validation"]}


def _entry_output(entry: AuditEntry) -> dict[str, Any]:
    moment: datetime = entry.created_at
    return {
        "id": entry.pk,
        "submission": str(entry.submission_id),
        "grader": entry.actor,
        "action": entry.action,
        "before": entry.before,
        "after": entry.after,
        "reason": entry.reason,
        "created_at": moment.isoformat(),
    }
