"""Which waiting trainings may not start now: behind their course's limit, or beyond a compute budget.

In SQL and for whole lines, so that a claim, the size of a pool and the deadlines say the same with a few queries,
however many wait. `compute.budgets` says it of one project, with its sentence. Budgets hold new trainings only: one
that began may finish.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import (
    Case,
    Count,
    DateField,
    DurationField,
    ExpressionWrapper,
    F,
    FloatField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Coalesce
from django.db.models.lookups import GreaterThanOrEqual
from django.utils import timezone

from axons_service.compute.budgets import period_of, utc_day
from axons_service.compute.models import ComputeUse, CourseLimits, Pool
from axons_service.exercises.models import Spec
from axons_service.jobs.course_room import course_trainings, site_caps, site_trainings
from axons_service.jobs.failures import RETRIED
from axons_service.jobs.models import Attempt, CourseTurn, Job
from axons_service.jobs.states import WAITING

LIMITS = "turn__course_turn__limits"
_CAPPED = "compute_minutes_per_learner"


def specs_capped(specs: Iterable[Any]) -> dict[int, list[int]]:
    """Those of these specs that give each learner a budget in the exercise, by its minutes."""
    found: dict[int, list[int]] = defaultdict(list)
    capped = Spec.objects.filter(pk__in=specs, **{f"body__{_CAPPED}__isnull": False})
    for pk, minutes in capped.values_list("pk", f"body__{_CAPPED}"):
        if minutes is not None:  # what JSON calls null
            found[minutes].append(pk)
    return dict(found)


def beyond_budget(*, limits: Iterable[CourseLimits], capped: Mapping[int, list[int]]) -> Q:
    """The condition on jobs that are new trainings beyond a budget.

    `limits` are those of the jobs' courses and `capped` comes from `specs_capped`: what they do not have is not asked.
    """
    rows = list(limits)
    over = Q(pk__in=[])
    if any(row.course_minutes is not None for row in rows):
        over |= _course_over("course_minutes", Value(""))
    if any(row.learner_minutes is not None for row in rows):
        over |= _course_over("learner_minutes", OuterRef("turn__learner"))
    for minutes, specs in capped.items():
        spent = GreaterThanOrEqual(
            exercise_time(OuterRef("project")), Value(timedelta(minutes=minutes), DurationField())
        )
        over |= Q(spec__in=specs) & Q(spent)
    return Q(kind=Job.Kind.TRAINING, attempt=0) & over


def claimable_count(pool: Pool) -> dict[str, int]:
    """How many waiting jobs of each kind a runner could claim, now or as soon as they are dispatched."""
    waiting = Job.objects.filter(pool=pool, state__in=WAITING)
    over, limits = _over_of(waiting.filter(kind=Job.Kind.TRAINING, attempt=0), pool)
    limited = {row.pk: row.max_running for row in limits if row.max_running is not None}
    running = course_trainings(limited) if limited else {}
    counts: dict[str, int] = defaultdict(int)
    lines = waiting.filter(~over).order_by().values_list("kind", LIMITS).annotate(Count("pk"))
    for kind, course, count in lines:
        limit = limited.get(course) if kind == Job.Kind.TRAINING else None
        counts[kind] += count if limit is None else min(count, max(0, limit - running.get(course, 0)))
    return dict(counts)


def held_back(jobs: QuerySet[Job], *, served_since: datetime) -> QuerySet[Job]:
    """Those of these waiting jobs that a limit or a budget keeps from starting, and not the lack of a machine.

    A course with a limit whose line was served after `served_since` has machines: its jobs wait for each other, even in
    the moment between an end and the next claim.
    """
    trainings = jobs.filter(kind=Job.Kind.TRAINING)
    over, limits = _over_of(trainings.filter(attempt=0))
    limited = {row.pk: row.max_running for row in limits if row.max_running is not None}
    running = course_trainings(limited) if limited else {}
    full = [pk for pk, limit in limited.items() if running.get(pk, 0) >= limit]
    in_turn = Q(**{f"{LIMITS}__in": list(limited)}, turn__course_turn__served_at__gt=served_since)
    caps = site_caps()
    of_sites = site_trainings(caps) if caps else {}
    full_sites = [site for site, cap in caps.items() if of_sites.get(site, 0) >= cap]
    elsewhere = Q(project__exercise__site__in=full_sites) | Q(pool__budget_spent_on=utc_day(timezone.now()), attempt=0)
    return trainings.filter(over | in_turn | elsewhere | Q(**{f"{LIMITS}__in": full}))


def _over_of(trainings: QuerySet[Job], pool: Pool | None = None) -> tuple[Q, list[CourseLimits]]:
    """`beyond_budget` of these trainings, and the limits of all courses that have some."""
    courses = CourseTurn.objects.filter(kind=Job.Kind.TRAINING)
    if pool is not None:
        courses = courses.filter(pool=pool)
    nothing = Q(max_running__isnull=True, course_minutes__isnull=True, learner_minutes__isnull=True)
    limits = list(CourseLimits.objects.filter(~nothing, pk__in=courses.values("limits")))
    return beyond_budget(limits=limits, capped=specs_capped(trainings.order_by().values("spec"))), limits


def _course_over(minutes: str, learner: Value | OuterRef) -> Q:
    today = utc_day(timezone.now())
    periods = CourseLimits.Period
    begun = Case(
        *(When(limits__period=each, then=Value(period_of(each, today)[0])) for each in periods),
        default=Value(date.min),
        output_field=DateField(),
    )
    use = ComputeUse.objects.filter(limits=OuterRef(LIMITS), learner=learner, day__gte=begun).order_by()
    used = Subquery(use.values("limits").annotate(total=Sum("seconds")).values("total"), output_field=FloatField())
    allowed = ExpressionWrapper(F(f"{LIMITS}__{minutes}") * 60.0, output_field=FloatField())
    over = GreaterThanOrEqual(Coalesce(used, 0.0), allowed)
    return Q(**{f"{LIMITS}__{minutes}__isnull": False}) & Q(over)


def exercise_time(project: OuterRef) -> Coalesce:
    """How long the training slot worked for a project, our own faults not counted: a duration."""
    total = _counted(job__project=project).values("job__project").annotate(total=Sum(_LENGTH)).values("total")
    return Coalesce(Subquery(total, output_field=DurationField()), Value(timedelta(), DurationField()))


def training_time(attempts: Mapping[str, Any]) -> timedelta:
    """How long the training slot worked for the attempts that the conditions name, our own faults not counted."""
    return _counted(**attempts).aggregate(total=Sum(_LENGTH))["total"] or timedelta()


_LENGTH = ExpressionWrapper(F("ended_at") - F("started_at"), output_field=DurationField())


def _counted(**conditions: Any) -> QuerySet[Attempt]:
    """Ended attempts that a budget counts."""
    ended = Attempt.objects.filter(**conditions, ended_at__isnull=False).order_by()
    return ended.exclude(job__kind=Job.Kind.INFERENCE).exclude(failure_class__in=RETRIED)
