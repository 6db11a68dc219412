"""Whose turn it is: a job has its place from its creation and can be claimed from its dispatch.

Whoever is served goes to the end.

`waiting_since` of a turn is a hint that something of it can be claimed. It is set after a job's move to `dispatched`,
in the same transaction; it is cleared under the turn's row lock by a statement that looks for such jobs again. A
dispatch that was not visible to that look waits for the lock and sets the hint again, so a job is never forgotten.
Locks are taken in one order everywhere: job, learner's turn, course's turn.
"""

from datetime import datetime

from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Coalesce

from axons_service.compute.models import CourseLimits
from axons_service.exercises.models import Project
from axons_service.jobs.models import CourseTurn, Job, LearnerTurn
from axons_service.jobs.states import State

TURNLESS = 500

# On PostgreSQL both rows in one round trip, the learner's first; rows are locked by SERVED before RESTED looks.
_LEARNERS, _COURSES = LearnerTurn._meta.db_table, CourseTurn._meta.db_table
WAITED = f"""
    WITH learner AS (
        UPDATE {_LEARNERS} SET waiting_since = COALESCE(waiting_since, %(since)s) WHERE id = %(turn)s
        RETURNING course_turn_id
    )
    UPDATE {_COURSES} SET waiting_since = COALESCE(waiting_since, %(since)s) FROM learner WHERE id = course_turn_id
"""
SERVED = f"""
    WITH learner AS (
        UPDATE {_LEARNERS} SET served_at = COALESCE(%(at)s, served_at) WHERE id = %(turn)s RETURNING course_turn_id
    )
    UPDATE {_COURSES} SET served_at = COALESCE(%(at)s, served_at) FROM learner WHERE id = course_turn_id
"""
RESTED = f"""
    WITH rested AS (
        UPDATE {_LEARNERS} SET waiting_since = NULL WHERE id = %(turn)s AND NOT EXISTS (
            SELECT 1 FROM {Job._meta.db_table} WHERE turn_id = %(turn)s AND state = '{State.DISPATCHED.value}'
        ) RETURNING id
    )
    UPDATE {_COURSES} SET waiting_since = NULL WHERE id = %(course)s AND NOT EXISTS (
        SELECT 1 FROM {_LEARNERS} WHERE course_turn_id = %(course)s AND waiting_since IS NOT NULL
        AND id NOT IN (SELECT id FROM rested)
    )
"""

_dispatched = Job.objects.filter(turn=OuterRef("pk"), state=State.DISPATCHED)
_learners = LearnerTurn.objects.filter(course_turn=OuterRef("pk"), waiting_since__isnull=False)


def turn_of(*, project: Project, pool_id: int, kind: str) -> LearnerTurn:
    """The turn of the project's learner, made for their first job of this kind in this pool and course.

    It comes with its course's turn and limits.
    """
    exercise = project.exercise
    known = (
        LearnerTurn.objects.select_related("course_turn__limits")
        .filter(
            learner=project.learner,
            course_turn__pool=pool_id,
            course_turn__kind=kind,
            course_turn__limits__site=exercise.site_id,
            course_turn__limits__course_key=exercise.course_key,
        )
        .first()
    )
    if known is not None:
        return known
    limits, _ = CourseLimits.objects.get_or_create(site_id=exercise.site_id, course_key=exercise.course_key)
    course, _ = CourseTurn.objects.get_or_create(pool_id=pool_id, kind=kind, limits=limits)
    return LearnerTurn.objects.get_or_create(course_turn=course, learner=project.learner)[0]


def turn_wait(*, turn: LearnerTurn, since: datetime) -> None:
    """Say that a job of this learner can be claimed; call after the job's move, in its transaction."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(WAITED, {"turn": turn.pk, "since": since})
        return
    LearnerTurn.objects.filter(pk=turn.pk).update(waiting_since=Coalesce(F("waiting_since"), since))
    CourseTurn.objects.filter(pk=turn.course_turn_id).update(waiting_since=Coalesce(F("waiting_since"), since))


def turn_serve(*, turn: LearnerTurn, at: datetime | None) -> None:
    """A job of this learner was claimed `at` (null for a retry, whose turn was taken before): others come first now."""
    # The update of the row comes first: it waits for a dispatch that holds the row, whose job the next statement sees.
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(SERVED, {"turn": turn.pk, "at": at})
            cursor.execute(RESTED, {"turn": turn.pk, "course": turn.course_turn_id})
        return
    LearnerTurn.objects.filter(pk=turn.pk).update(served_at=at or F("served_at"))
    _learner_rest(turn.pk)
    CourseTurn.objects.filter(pk=turn.course_turn_id).update(served_at=at or F("served_at"))
    _course_rest(turn.course_turn_id)


def turns_join(*, pool_id: int | None = None) -> int:
    """Give dispatched jobs without a turn theirs: those of an older version of the service. Returns how many."""
    turnless = Job.objects.filter(state=State.DISPATCHED, turn__isnull=True)
    if pool_id is not None:
        turnless = turnless.filter(pool=pool_id)
    joined = 0
    for pk in list(turnless.order_by("created_at").values_list("pk", flat=True)[:TURNLESS]):
        with transaction.atomic():
            job = Job.objects.select_related("project__exercise").get(pk=pk)
            turn = turn_of(project=job.project, pool_id=job.pool_id, kind=job.kind)
            if turnless.filter(pk=pk).update(turn=turn):
                turn_wait(turn=turn, since=job.created_at)
                joined += 1
    return joined


def turns_tidy() -> int:
    """Beat: bring the hints to what the jobs say, in both directions. Returns how many were changed."""
    joined = turns_join()
    woken = LearnerTurn.objects.filter(Exists(_dispatched), waiting_since__isnull=True)
    for turn in woken.order_by("pk"):
        with transaction.atomic():
            first = turn.jobs.filter(state=State.DISPATCHED).order_by("created_at").first()
            if first is not None:
                turn_wait(turn=turn, since=first.created_at)
                joined += 1
    asleep = LearnerTurn.objects.filter(~Exists(_dispatched), waiting_since__isnull=False)
    for pk in asleep.order_by("pk").values_list("pk", flat=True):
        with transaction.atomic():
            list(LearnerTurn.objects.select_for_update().filter(pk=pk))
            joined += _learner_rest(pk)
    courses = CourseTurn.objects.filter(Q(waiting_since__isnull=False) & ~Exists(_learners))
    for pk in courses.order_by("pk").values_list("pk", flat=True):
        with transaction.atomic():
            list(CourseTurn.objects.select_for_update().filter(pk=pk))
            joined += _course_rest(pk)
    return joined


def _learner_rest(pk: int) -> int:
    """Clear the hint when nothing waits. The row is locked by us: what we cannot see yet will set it again."""
    return LearnerTurn.objects.filter(~Exists(_dispatched), pk=pk).update(waiting_since=None)


def _course_rest(pk: int) -> int:
    return CourseTurn.objects.filter(~Exists(_learners), pk=pk).update(waiting_since=None)
