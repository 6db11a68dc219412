"""What a course and a learner may compute: how much is used, when it is short, and the sentence when it is used up."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db.models import Sum
from django.utils import timezone
from django.utils.formats import date_format

from axons_service.compute.models import ComputeUse, CourseLimits, Pool
from axons_service.exercises.models import Project
from axons_service.operations.problems import Problem

SHORT = 0.8  # share of a budget from which on people are told
EXERCISE_ATTEMPTS = 1000

_PERIODS = {
    CourseLimits.Period.DAY: " of today",
    CourseLimits.Period.WEEK: " of this week",
    CourseLimits.Period.MONTH: " of this month",
    CourseLimits.Period.ALWAYS: "",
}
_RAISED_BY = {
    "course": "the administrator of the training service can raise the limit",
    "learner": "the administrator of the training service can raise the limit",
    "exercise": "your educator can raise the limit",
}


@dataclass(frozen=True)
class Budget:
    """A limit of compute minutes and what is used of it; `scope` says whose it is: course, learner or exercise."""

    scope: str
    limit_minutes: int
    used_minutes: float
    period: str = CourseLimits.Period.ALWAYS
    renewed_on: date | None = None

    @property
    def share(self) -> float:
        """0 to 1 and beyond: a job that was running when the budget ended was allowed to finish."""
        return self.used_minutes / self.limit_minutes if self.limit_minutes else 1.0

    @property
    def state(self) -> str:
        return "used_up" if self.share >= 1 else "short" if self.share >= SHORT else "ok"

    @property
    def message(self) -> str:
        """What people read; empty while there is nothing to say."""
        minutes = f"{self.limit_minutes} compute minutes{_PERIODS[CourseLimits.Period(self.period)]}"
        whose = {
            "course": ("Your course has", f"its {minutes}"),
            "learner": ("You have", f"your {minutes} in this course"),
            "exercise": ("You have", f"your {minutes} in this exercise"),
        }
        who, what = whose[self.scope]
        if self.state == "ok":
            return ""
        if self.state == "short":
            return f"{who} used {int(self.share * 100)} % of {what}."
        raised = _RAISED_BY[self.scope]
        renewed = (
            f"They are renewed on {date_format(self.renewed_on, 'j F Y')} (UTC); {raised}."
            if self.renewed_on is not None
            else f"{raised[0].upper()}{raised[1:]}."
        )
        return f"{who} used up {what}, so no new training starts. {renewed} No try was used."


def budgets_of(
    project: Project, spec: dict[str, Any] | None = None, limits: CourseLimits | None = None
) -> list[Budget]:
    """Every budget that a training of this project draws on, the scarcest first; at most three queries.

    `project` comes with its exercise; `spec` is the job's, by default the project's newest; `limits` are the course's,
    looked up where they are not given.
    """
    exercise = project.exercise
    found: list[Budget] = []
    if limits is None:
        limits = CourseLimits.objects.filter(site=exercise.site_id, course_key=exercise.course_key).first()
    if limits is not None and (limits.course_minutes is not None or limits.learner_minutes is not None):
        found += _course_budgets(limits, project.learner)
    own = (project.spec.body if spec is None else spec).get("compute_minutes_per_learner")
    if own is not None:
        found.append(Budget("exercise", own, _exercise_seconds(project) / 60))
    return sorted(found, key=lambda budget: -budget.share)


def budget_used_up(
    project: Project, spec: dict[str, Any] | None = None, limits: CourseLimits | None = None
) -> Budget | None:
    """The budget that forbids a new training, or null."""
    return next((budget for budget in budgets_of(project, spec, limits) if budget.state == "used_up"), None)


def budget_check(project: Project, limits: CourseLimits) -> None:
    """Raises Problem 409 `budget_used_up`, with the sentence that says what is used up and who can raise it."""
    budget = budget_used_up(project, limits=limits)
    if budget is not None:
        raise Problem(409, "budget_used_up", budget.message)


def period_of(period: str, today: date) -> tuple[date, date | None]:
    """First day of the period that `today` is in, and the day when the next one begins (null: never)."""
    match period:
        case CourseLimits.Period.DAY:
            return today, today + timedelta(days=1)
        case CourseLimits.Period.WEEK:
            monday = today - timedelta(days=today.weekday())
            return monday, monday + timedelta(days=7)
        case CourseLimits.Period.MONTH:
            first = today.replace(day=1)
            return first, (first + timedelta(days=32)).replace(day=1)
    return date.min, None


def _course_budgets(limits: CourseLimits, learner: str) -> list[Budget]:
    start, renewed_on = period_of(limits.period, utc_day(timezone.now()))
    use = ComputeUse.objects.filter(limits=limits, learner__in=["", learner], day__gte=start)
    seconds = dict(use.order_by().values_list("learner").annotate(Sum("seconds")))
    allowed = (("course", limits.course_minutes, ""), ("learner", limits.learner_minutes, learner))
    return [
        Budget(scope, minutes, seconds.get(whose, 0.0) / 60, limits.period, renewed_on)
        for scope, minutes, whose in allowed
        if minutes is not None
    ]


def _exercise_seconds(project: Project) -> float:
    """Seconds that the training slot worked for this project, our own faults not counted."""
    from axons_service.jobs.failures import RETRIED
    from axons_service.jobs.models import Attempt, Job

    ended = Attempt.objects.filter(job__project=project, ended_at__isnull=False).exclude(job__kind=Job.Kind.INFERENCE)
    times = ended.exclude(failure_class__in=RETRIED).order_by("-pk").values_list("started_at", "ended_at")
    return sum((end - start).total_seconds() for start, end in times[:EXERCISE_ATTEMPTS] if end is not None)


def utc_day(moment: datetime) -> date:
    """The day that a moment is accounted to."""
    return moment.astimezone(UTC).date()


def pool_is_spent(pool: Pool, now: datetime) -> bool:
    """Whether the pool's budget of money for today is used up: no training begins in it until the next UTC day."""
    return pool.budget_spent_on is not None and pool.budget_spent_on == utc_day(now)
