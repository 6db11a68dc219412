"""A runner takes a job: one winner by compare-and-swap, a lease, and a token for this attempt alone."""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from axons_service.compute.budgets import pool_is_spent
from axons_service.compute.models import CourseLimits, Pool, Runner, SiteLimits
from axons_service.exercises.models import Project
from axons_service.jobs.allowance import beyond_budget, specs_capped
from axons_service.jobs.course_room import course_has_room, courses_with_room, site_limits
from axons_service.jobs.models import Attempt, CourseTurn, Job, LearnerTurn
from axons_service.jobs.services.moves import job_move
from axons_service.jobs.services.turns import turn_serve, turns_join
from axons_service.jobs.states import Move, State

SPEC_MINUTES = "spec__body__compute_minutes_per_learner"
LOOK_AT = 50  # learners of a course whose next job may be another claimer's


@dataclass(frozen=True)
class Claim:
    """What a winner gets. `token` exists nowhere else: the database has only its hash."""

    job: Job
    attempt: Attempt
    token: str


def token_hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def lease_seconds() -> float:
    return float(settings.AXONS_LEASE_SECONDS)


def lease_until() -> datetime:
    return timezone.now() + timedelta(seconds=lease_seconds())


@dataclass(frozen=True)
class Abilities:
    """What a runner says it can do: the networks it knows (none for all), and whether it predicts whole batches."""

    architectures: tuple[str, ...] = ()
    batches: bool = False

    def fitting(self, jobs: QuerySet[Job], kind: str) -> QuerySet[Job]:
        """Those of these jobs, all of one kind, that such a runner can do."""
        if self.architectures:
            network = "hyperparameters__architecture" if kind == Job.Kind.TRAINING else "model__architecture"
            jobs = jobs.filter(**{f"{network}__in": self.architectures})
        if kind == Job.Kind.INFERENCE and not self.batches:
            jobs = jobs.filter(batch__isnull=True)
        return jobs


def job_claim(*, runner: Runner, slots: list[str], architectures: list[str], batches: bool = False) -> Claim | None:
    """The next job for this runner's free slots that it is able to do; None when there is none.

    Inference first: it has a slot of its own and takes a moment. In the training slot an evaluation goes before a
    training, since a grade waits for it and it is short; but not two in a row, so that no flood of submissions keeps
    a training waiting. Within a kind the course served longest ago is next, and in it the learner served longest ago.
    A job that lost its attempt through a fault of ours goes first: its turn was taken already.
    """
    if runner.state == Runner.State.STOPPING:
        return None
    abilities = Abilities(tuple(architectures), batches)
    kinds = kinds_in_order(slots, runner.training_slot_kind)
    courses = _waiting_courses(runner.pool, kinds)
    if not courses and turns_join(pool_id=runner.pool_id):
        courses = _waiting_courses(runner.pool, kinds)
    for kind in kinds:  # the usual answer of a long poll, nothing, costs no transaction
        line = [course for course in courses if course.kind == kind]
        claim = _claim_of(line, runner, abilities) if line else None
        if claim is not None:
            return claim
    return None


def kinds_in_order(slots: list[str], last_kind: str) -> list[str]:
    """The kinds of jobs that free slots take, most urgent first; `last_kind` is what the training slot had last."""
    kinds: list[str] = [Job.Kind.INFERENCE] if "inference" in slots else []
    if "training" in slots:
        pair = [Job.Kind.EVALUATION, Job.Kind.TRAINING]
        kinds += reversed(pair) if last_kind == Job.Kind.EVALUATION else pair
    return kinds


def _waiting_courses(pool: Pool, kinds: list[str]) -> list[CourseTurn]:
    waiting = CourseTurn.objects.filter(pool=pool, kind__in=kinds, waiting_since__isnull=False)
    return list(waiting.select_related("limits__site__compute_limits").order_by("served_at", "waiting_since", "pk"))


def _ready(abilities: Abilities, kind: str) -> QuerySet[Job]:
    """Jobs that this runner may take now, each learner's oldest first."""
    now = timezone.now()
    ready = Job.objects.filter(state=State.DISPATCHED, cancel_requested=False)
    ready = ready.filter(Q(not_before__isnull=True) | Q(not_before__lte=now)).order_by("created_at")
    return abilities.fitting(ready, kind)


def _claim_of(line: list[CourseTurn], runner: Runner, abilities: Abilities) -> Claim | None:
    """A job of this line of courses: retried jobs first, then course after course."""
    kind = line[0].kind
    ready = _ready(abilities, kind)
    if kind == Job.Kind.TRAINING:
        line = courses_with_room(line)
    retried = ready.filter(attempt__gt=0)
    of_pool = retried.filter(pool=runner.pool_id, kind=kind, turn__course_turn__in=[course.pk for course in line])
    lost = dict.fromkeys(of_pool.values_list("turn__course_turn", flat=True)[:LOOK_AT])
    places = {pk: place for place, pk in enumerate(lost)}
    for course in sorted((each for each in line if each.pk in places), key=lambda each: places[each.pk]):
        if claim := _take_from(course, runner, partial(_retried, course, retried)):
            return claim
    if kind == Job.Kind.TRAINING and pool_is_spent(runner.pool, timezone.now()):
        return None  # what began was retried above; nothing else begins today
    for course in line:
        if claim := _take_from(course, runner, partial(_next, course, ready)):
            return claim
    return None


def _take_from(course: CourseTurn, runner: Runner, find: Callable[[], Job | None]) -> Claim | None:
    """The job of a course that `find` locks, unless the course or its site is full. One transaction, one winner."""
    with transaction.atomic():
        if _limits_hold(course) and not course_has_room(course):
            return None
        job = find()
        return _take(job, runner) if job is not None else None


def _limits_hold(course: CourseTurn) -> bool:
    """Lock the limits of a course and of its site, if there are any; whether there are.

    Claims for a limited course or site meet here, so that two of them do not both take its last place.
    """
    if course.kind != Job.Kind.TRAINING:
        return False
    site = site_limits(course)
    if site is not None:
        list(SiteLimits.objects.select_for_update(no_key=True).filter(pk=site.pk))
    if course.limits.max_running is not None:
        CourseLimits.objects.select_for_update(no_key=True).get(pk=course.limits_id)
    return site is not None or course.limits.max_running is not None


def _retried(course: CourseTurn, retried: QuerySet[Job]) -> Job | None:
    return _locked(retried.filter(turn__course_turn=course))


def _next(course: CourseTurn, ready: QuerySet[Job]) -> Job | None:
    """The next job of a course that nobody else takes and no budget holds, locked. Six queries, however many wait."""
    is_training = course.kind == Job.Kind.TRAINING
    allowed = ready
    if is_training:
        allowed = ready.filter(~beyond_budget(limits=[course.limits], capped={}))
    heads = _heads(course, allowed)
    if is_training and _has_capped([job for _, job in heads]):
        every = ready.filter(turn__course_turn=course).order_by().values("spec")
        capped = specs_capped(every)
        allowed = ready.filter(~beyond_budget(limits=[course.limits], capped=capped))
        heads = _heads(course, allowed)
    in_turn = ("turn__served_at", "turn__waiting_since", "turn", "created_at")
    job = _locked(allowed.filter(pk__in=[job for _, job in heads]).order_by(*in_turn)) if heads else None
    if job is None and heads:
        # Every learner's next job went to another claimer meanwhile: take one behind it rather than nothing.
        job = _locked(allowed.filter(turn__in=[turn for turn, _ in heads]).order_by(*in_turn))
    return job


def _heads(course: CourseTurn, ready: QuerySet[Job]) -> list[tuple[int, UUID]]:
    """The next learners of a course, each with their oldest job: `(turn, job)`."""
    oldest = ready.filter(turn=OuterRef("pk")).values("pk")[:1]
    waiting = LearnerTurn.objects.filter(course_turn=course, waiting_since__isnull=False)
    heads = waiting.annotate(head=Subquery(oldest)).filter(head__isnull=False)
    return list(heads.order_by("served_at", "waiting_since", "pk").values_list("pk", "head")[:LOOK_AT])


def _has_capped(jobs: list[UUID]) -> bool:
    """Whether the spec of one of these jobs gives each learner a budget in the exercise."""
    return any(each is not None for each in Job.objects.filter(pk__in=jobs).values_list(SPEC_MINUTES, flat=True))


def _locked(jobs: QuerySet[Job]) -> Job | None:
    """The first of these jobs that no other claimer holds, locked."""
    if connection.features.has_select_for_update_skip_locked:
        jobs = jobs.select_for_update(skip_locked=True, of=("self",), no_key=True)
    return jobs.select_related("project__exercise__site", "spec", "pool", "turn", "training_set").first()


def _take(job: Job, runner: Runner) -> Claim | None:
    now = timezone.now()
    number = job.attempt + 1
    if job.kind != Job.Kind.INFERENCE:
        runner.training_slot_kind = job.kind
    # The runner's row before the project's, which job_move locks: the order in which an attempt ends.
    Runner.objects.filter(pk=runner.pk).update(busy_at=now, training_slot_kind=runner.training_slot_kind)
    if not job_move(job=job, move=Move.CLAIM, attempt=number, started_at=job.started_at or now, progress=None):
        return None
    token = secrets.token_urlsafe(32)
    attempt = Attempt.objects.create(
        job=job, number=number, runner=runner, token_sha256=token_hash(token), lease_expires_at=lease_until()
    )
    if job.kind != Job.Kind.INFERENCE:
        Project.objects.filter(pk=job.project_id).update(last_compute_at=now)
    if job.turn is not None:
        turn_serve(turn=job.turn, at=now if number == 1 else None)
    return Claim(job, attempt, token)
