"""How a class gets on in one exercise: who has begun, who is stuck, what was scored and what it cost in compute time.

All of it in SQL over the exercise's projects: as many queries for ten learners as for thousands. Projects of course
staff, who try the exercise, are left out.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import models
from django.db.models import Case, Count, Exists, F, FloatField, Max, OuterRef, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce
from django.utils import timezone

from axons_service.exercises.models import Project
from axons_service.grading.models import Submission
from axons_service.grading.selectors import COUNTED
from axons_service.jobs.allowance import exercise_time, training_time
from axons_service.jobs.models import Job
from axons_service.jobs.states import State
from axons_service.sites.callers import Caller

TEXT = models.TextField()
BINS = 10  # of the scores' histogram, each a tenth wide
NO_RUN_AFTER = timedelta(days=1)


class Standing(models.TextChoices):
    """Where a learner stands in an exercise: the first of these that is true."""

    HANDED_IN = "handed_in"
    FAILING = "failing"  # the newest run failed
    WORKING = "working"
    NO_RUN = "no_run"  # opened more than a day ago, and no run yet
    OPENED = "opened"


@dataclass(frozen=True)
class Overview:
    """The class at a glance. `scores` counts learners by their best score, lowest tenth first."""

    standings: dict[str, int]
    scores: list[int]
    runs: int
    failed_runs: int
    compute_time: timedelta
    failures: dict[str, int]


def learners(caller: Caller) -> QuerySet[Any]:
    """The learners' projects in the caller's exercise, each with its `standing`."""
    handed_in = Submission.objects.filter(project=OuterRef("pk"), state__in=COUNTED)
    by_newest_run = _newest_run(
        Case(When(state=State.FAILED, then=Value(Standing.FAILING)), default=Value(Standing.WORKING), output_field=TEXT)
    )
    without_run = Case(
        When(created_at__lt=timezone.now() - NO_RUN_AFTER, then=Value(Standing.NO_RUN)),
        default=Value(Standing.OPENED),
        output_field=TEXT,
    )
    ours = Project.objects.filter(exercise__site=caller.site, exercise__usage_key=caller.usage, is_staff=False)
    return ours.annotate(
        standing=Case(
            When(Exists(handed_in), then=Value(Standing.HANDED_IN)),
            default=Coalesce(by_newest_run, without_run),
            output_field=TEXT,
        )
    )


def learners_in_detail(caller: Caller) -> QuerySet[Any]:
    """`learners` with `runs`, `failed_runs`, `last_run_at`, `last_failure`, `best_score` (0..1), `compute_time`."""
    failure = Case(When(state=State.FAILED, then=F("failure_message")), default=Value(""), output_field=TEXT)
    detailed: QuerySet[Any] = learners(caller).annotate(
        runs=_count(_trainings()),
        failed_runs=_count(_trainings().filter(state=State.FAILED)),
        last_run_at=_newest_run(F("created_at")),
        last_failure=Coalesce(_newest_run(failure), Value(""), output_field=TEXT),
        best_score=_best_score(),
        compute_time=exercise_time(OuterRef("pk")),
    )
    return detailed


def overview_of(caller: Caller) -> Overview:
    """The whole class, in four queries."""
    counted = learners(caller).order_by().values_list("standing").annotate(Count("pk"))
    standings = dict.fromkeys(Standing.values, 0) | dict(counted)
    ours = {"exercise__site": caller.site, "exercise__usage_key": caller.usage, "is_staff": False}
    of_projects = {f"project__{name}": value for name, value in ours.items()}
    scored = Submission.objects.filter(**of_projects, state=Submission.State.SCORED).order_by()
    scores = [0] * BINS
    for best in scored.values("project").annotate(best=Max("final_score")).values_list("best", flat=True):
        scores[min(BINS - 1, int((best or 0) * BINS))] += 1
    by_end = (
        Job.objects.filter(**of_projects, kind=Job.Kind.TRAINING)
        .order_by()
        .values_list("state", "failure_class")
        .annotate(Count("pk"))
    )
    runs = 0
    failures: dict[str, int] = {}
    for state, failure_class, count in by_end:
        runs += count
        if state == State.FAILED:
            failures[failure_class] = failures.get(failure_class, 0) + count
    return Overview(
        standings=standings,
        scores=scores,
        runs=runs,
        failed_runs=sum(failures.values()),
        failures=failures,
        compute_time=training_time({f"job__{name}": value for name, value in of_projects.items()}),
    )


def _newest_run(value: Any) -> Subquery:
    """A value of the newest training of the project that the outer query is at; null without one."""
    newest = _trainings().order_by("-created_at", "-pk")
    return Subquery(newest.annotate(wanted=value).values("wanted")[:1])


def _trainings() -> QuerySet[Job]:
    """The trainings of the project that the outer query is at."""
    return Job.objects.filter(project=OuterRef("pk"), kind=Job.Kind.TRAINING).order_by()


def _count(jobs: QuerySet[Job]) -> Coalesce:
    counted = jobs.values("project").annotate(count=Count("pk")).values("count")
    return Coalesce(Subquery(counted), 0)


def _best_score() -> Subquery:
    """As `grading.selectors.best_score` says of one project."""
    scored = Submission.objects.filter(project=OuterRef("pk"), state=Submission.State.SCORED).order_by()
    best = scored.values("project").annotate(best=Max("final_score")).values("best")
    return Subquery(best, output_field=FloatField())
