"""Reads of submissions, tries and grades."""

from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count, F, FloatField, Max, OuterRef, Prefetch, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from axons_service.exercises.models import Project
from axons_service.grading.models import GradeDelivery, Review, Submission
from axons_service.operations.cursors import page_of
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

    @property
    def left(self) -> int | None:
        return None if self.allowed is None else max(0, self.allowed - self.used - self.scoring)


def project_tries(project: Project) -> Tries:
    """What was used: scored submissions; `left` also keeps back those that are being scored now."""
    counted = Submission.objects.filter(project=project).aggregate(
        used=Count("pk", filter=Q(state=Submission.State.SCORED)),
        scoring=Count("pk", filter=Q(state=Submission.State.SCORING)),
    )
    allowed = project.spec.body.get("max_tries") or None
    return Tries(counted["used"], counted["scoring"], allowed, best_score(project))


def best_score(project: Project) -> float | None:
    """The score that counts: the best of all scored submissions, an override standing for its submission's score."""
    scored = Submission.objects.filter(project=project, state=Submission.State.SCORED)
    best: float | None = scored.aggregate(
        best=Max(Coalesce(F("override_score"), F("automatic_score")), output_field=FloatField())
    )["best"]
    return best


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
    return annotated.select_related("project", "job").prefetch_related(reviews)


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


def submissions_page(caller: Caller, *, cursor: str | None, limit: int) -> tuple[list[Submission], str | None]:
    """A page of the exercise's submissions, newest first, and the cursor of the next page."""
    found = submissions().filter(project__exercise__site=caller.site, project__exercise__usage_key=caller.usage)
    return page_of(found, of=f"submissions:{caller.site.pk}:{caller.usage}", cursor=cursor, limit=limit)
