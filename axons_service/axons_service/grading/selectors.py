"""Reads of submissions, tries and grades."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Max, OuterRef, Prefetch, Q, QuerySet, Subquery

from axons_service.exercises.models import Project
from axons_service.grading.models import Allowance, GradeDelivery, Review, Submission
from axons_service.operations.problems import Problem
from axons_service.sites.callers import Caller

COUNTED = (Submission.State.SCORING, Submission.State.SCORED)


@dataclass(frozen=True)
class Tries:
    """A learner's tries; `allowed` and `left` are None when there is no limit. `best_score` is 0..1."""

    used: int
    scoring: int
    allowed: int | None
    best_score: float | None
    extended_until: datetime | None = None

    @property
    def left(self) -> int | None:
        return None if self.allowed is None else max(0, self.allowed - self.used - self.scoring)


def project_tries(project: Project) -> Tries:
    """What was used: scored submissions that were not given back; `left` also keeps back those being scored now."""
    kept = Q(state=Submission.State.SCORED, returned_at__isnull=True)
    counted = Submission.objects.filter(project=project).aggregate(
        used=Count("pk", filter=kept),
        scoring=Count("pk", filter=Q(state=Submission.State.SCORING)),
    )
    allowed = project.spec.body.get("max_tries") or None
    granted: Allowance | None = getattr(project, "allowance", None)
    if allowed is not None and granted is not None:
        allowed += granted.extra_tries
    extended = granted.extended_until if granted is not None else None
    return Tries(counted["used"], counted["scoring"], allowed, best_score(project), extended)


def best_score(project: Project) -> float | None:
    """The score that counts: the best of all scored submissions."""
    scored = Submission.objects.filter(project=project, state=Submission.State.SCORED)
    best: float | None = scored.aggregate(best=Max("final_score"))["best"]
    return best


def grade_book(project: Project) -> dict[str, Any] | None:
    """The learner's grade as the LMS should have it: newest `revision`, its `score` 0..1, and which the LMS took."""
    rows = GradeDelivery.objects.filter(project=project)
    newest = rows.order_by("-revision").values("revision", "score").first()
    if newest is None:
        return None
    delivered = rows.filter(state=GradeDelivery.State.DELIVERED).aggregate(newest=Max("revision"))["newest"]
    return {**newest, "delivered_revision": delivered}


def submissions() -> QuerySet[Submission]:
    """Submissions with all that `submission_output` needs, in two queries however many there are."""
    own = GradeDelivery.objects.filter(submission=OuterRef("pk")).order_by("-revision").values("revision")[:1]
    delivered = (
        GradeDelivery.objects.filter(project=OuterRef("project"), state=GradeDelivery.State.DELIVERED)
        .order_by("-revision")
        .values("revision")[:1]
    )
    reviews = Prefetch("reviews", queryset=Review.objects.order_by("created_at", "id"))
    annotated = Submission.objects.annotate(newest_revision=Subquery(own), project_delivered=Subquery(delivered))
    return annotated.select_related("project__allowance", "job", "spec").prefetch_related(reviews)


def project_submissions(project: Project, *, limit: int = 50) -> list[Submission]:
    """The project's submissions, newest first."""
    return list(submissions().filter(project=project).order_by("-created_at", "-id")[:limit])


def submission_for(caller: Caller, submission_id: UUID) -> Submission:
    """The submission, if it is the caller's or they are staff of its exercise; else Problem 404."""
    visible = submissions().filter(
        pk=submission_id, project__exercise__site=caller.site, project__exercise__usage_key=caller.usage
    )
    if caller.project is not None:
        visible = visible.filter(project=caller.project)
    if not caller.is_staff:
        visible = visible.filter(project__learner=caller.learner)
    found = visible.first()
    if found is None:
        raise Problem(404, "not_found", "There is no such submission, or it is not yours.")
    return found
