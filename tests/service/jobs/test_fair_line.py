"""Whose turn it is: fair by course and learner, bounded for everyone, and fast however long the line."""

import time
import uuid
from collections.abc import Iterator
from datetime import timedelta
from statistics import median

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from axons_service.compute.models import CourseLimits, Pool, Runner
from axons_service.exercises.models import Exercise, Project
from axons_service.jobs.models import CourseTurn, Job, LearnerTurn
from axons_service.jobs.services import job_cancel, job_claim, job_dispatch
from axons_service.jobs.services.claims import kinds_in_order
from axons_service.jobs.services.turns import turns_tidy
from tests.service import builders
from tests.service.jobs.conftest import World, learner_project


def enrolled(world: World, learner: str, course: str = builders.COURSE) -> Project:
    """A learner's project in a course of the same site."""
    usage = builders.USAGE if course == builders.COURSE else f"block-v1:{course}+block@one"
    owner = builders.project(builders.Caller(world.lms, learner=learner, usage=usage))
    Exercise.objects.filter(pk=owner.exercise_id).update(course_key=course)
    owner.exercise.refresh_from_db()
    return owner


def claims(world: World) -> Iterator[Job]:
    """Everything that one runner claims until nothing is left."""
    while (claim := world.claim("training")) is not None:
        yield claim.job


def line_of(world: World, learners: int, jobs_each: int, courses: int = 1) -> None:
    """A long line of dispatched trainings, made fast: rows as `job_dispatch` leaves them."""
    now = timezone.now()
    for number in range(courses):
        project = enrolled(world, "seed", f"course-v1:Long+{number}+1")
        limits = CourseLimits.objects.create(site=world.lms.site, course_key=project.exercise.course_key)
        course = CourseTurn.objects.create(pool=world.pool, kind="training", limits=limits, waiting_since=now)
        projects = Project.objects.bulk_create(
            Project(exercise=project.exercise, spec=project.spec, learner=f"l{n}") for n in range(learners)
        )
        turns = LearnerTurn.objects.bulk_create(
            LearnerTurn(course_turn=course, learner=each.learner, waiting_since=now) for each in projects
        )
        Job.objects.bulk_create(
            Job(
                project=each,
                spec=project.spec,
                pool=world.pool,
                kind="training",
                state="dispatched",
                idempotency_key=uuid.uuid4().hex,
                request_sha256="0" * 64,
                time_limit_seconds=60,
                hyperparameters={"architecture": "small_cnn"},
                turn=turn,
            )
            for each, turn in zip(projects, turns, strict=True)
            for _ in range(jobs_each)
        )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def test_courses_take_turns_whatever_the_length_of_their_line(world: World) -> None:
    small = enrolled(world, "clara", "course-v1:Small+1+1")
    flood = [world.training() for _ in range(4)]
    theirs = [world.training(project=small) for _ in range(2)]
    order = [job.pk for job in claims(world)]
    assert order == [flood[0].pk, theirs[0].pk, flood[1].pk, theirs[1].pk, flood[2].pk, flood[3].pk]


def test_a_learner_in_two_exercises_of_a_course_is_one_learner(world: World) -> None:
    other = Exercise.objects.create(site=world.lms.site, usage_key="block-v1:other", course_key=builders.COURSE)
    second = Project.objects.create(exercise=other, learner="anna", spec=world.project.spec)
    ben = learner_project(world.lms, "ben")
    first, more = world.training(), world.training(project=second)
    his = world.training(project=ben)
    assert [job.pk for job in claims(world)] == [first.pk, his.pk, more.pk]


def test_courses_of_two_sites_with_the_same_key_are_two_courses(world: World) -> None:
    elsewhere = builders.project(builders.Caller(builders.lms("elsewhere"), learner="anna"))
    mine = [world.training(), world.training()]
    theirs = world.training(project=elsewhere)
    assert [job.pk for job in claims(world)] == [mine[0].pk, theirs.pk, mine[1].pk]


def test_a_job_that_lost_its_attempt_to_a_fault_of_ours_goes_first(world: World) -> None:
    ben = learner_project(world.lms, "ben")
    lost = world.running()
    his = world.training(project=ben)
    world.finish(lost, "failed")  # without a class: infrastructure
    Job.objects.filter(pk=lost.job.pk).update(not_before=None)
    job_dispatch(job_id=lost.job.pk)
    assert [job.pk for job in claims(world)] == [lost.job.pk, his.pk]


def test_a_retry_does_not_put_its_learner_back_again(world: World) -> None:
    ben = learner_project(world.lms, "ben")
    lost, more = world.running(), world.training()
    his = [world.training(project=ben), world.training(project=ben)]
    assert world.claimed().job == his[0]
    world.finish(lost, "released")
    job_dispatch(job_id=lost.job.pk)
    assert [job.pk for job in claims(world)] == [lost.job.pk, more.pk, his[1].pk]


def test_an_evaluation_goes_before_a_training_but_never_twice_in_a_row(world: World) -> None:
    trainings = [world.training(), world.training()]
    evaluations = [world.evaluation() for _ in range(3)]
    assert [job.pk for job in claims(world)] == [
        evaluations[0].pk,
        trainings[0].pk,
        evaluations[1].pk,
        trainings[1].pk,
        evaluations[2].pk,
    ]
    assert kinds_in_order(["training", "inference"], "") == ["inference", "evaluation", "training"]


def test_a_learner_whose_only_job_is_cancelled_leaves_the_line(world: World) -> None:
    job_cancel(job_id=world.training().pk)
    assert LearnerTurn.objects.filter(waiting_since__isnull=False).count() == 1
    assert turns_tidy() == 2
    assert not LearnerTurn.objects.filter(waiting_since__isnull=False).exists()
    assert not CourseTurn.objects.filter(waiting_since__isnull=False).exists()
    assert turns_tidy() == 0


def test_a_job_dispatched_by_an_older_version_is_claimed_all_the_same(world: World) -> None:
    job = world.training()
    Job.objects.filter(pk=job.pk).update(turn=None)
    LearnerTurn.objects.all().delete()
    CourseTurn.objects.all().delete()
    assert world.claimed().job == job


def test_a_forgotten_job_is_found_by_the_next_tidying(world: World) -> None:
    job = world.training()
    LearnerTurn.objects.update(waiting_since=None)
    CourseTurn.objects.update(waiting_since=None)
    assert world.claim() is None
    assert turns_tidy() == 1
    assert world.claimed().job == job


def test_looking_for_nothing_costs_two_queries(world: World) -> None:
    with CaptureQueriesContext(connection) as queries:
        assert world.claim() is None
    assert len(queries) == 2


@pytest.mark.django_db
@settings(max_examples=25, deadline=None)
@given(
    flood=st.integers(1, 8),
    slots=st.integers(1, 3),
    same_course=st.booleans(),
    finishes=st.lists(st.integers(0, 2), max_size=6),
)
def test_a_flood_delays_anothers_first_job_by_at_most_one_job_per_slot(
    flood: int, slots: int, same_course: bool, finishes: list[int]
) -> None:
    with transaction.atomic():
        site = builders.lms(f"s{uuid.uuid4().hex[:8]}")
        pool = builders.pool()
        world = _small_world(site, pool)
        runners = [Runner.objects.create(pool=pool, name=f"r{n}", state="active") for n in range(slots)]
        for _ in range(flood):
            world.training()
        for index in finishes:  # some of the flood is under way already
            job_claim(runner=runners[index % slots], slots=["training"], architectures=[])
        held = Job.objects.filter(pool=pool, state="preparing").count()
        first = world.training(
            project=enrolled(world, "new", builders.COURSE if same_course else "course-v1:Other+1+1")
        )
        before = 0
        while (claim := job_claim(runner=runners[0], slots=["training"], architectures=[])) is not None:
            if claim.job == first:
                break
            before += 1
        assert claim is not None, "it was never claimed"
        assert before <= 1, f"{before} jobs of the flood went first, beside the {held} that ran"
        transaction.set_rollback(True)


def _small_world(lms: builders.Lms, pool: Pool) -> World:
    from tests.service.jobs.conftest import own_set

    project = builders.project(builders.Caller(lms), builders.spec(pool=pool.name))
    runner = Runner.objects.create(pool=pool, name="r", state="active")
    training_set = own_set(project)
    return World(lms=lms, pool=pool, project=project, training_set=training_set, hidden=training_set, runner=runner)


CLAIM_QUERIES = 24  # however many wait; what each of them reads, the next test says


@pytest.mark.slow
@pytest.mark.parametrize(("learners", "each", "courses"), [(10_000, 1, 1), (1, 10_000, 1), (50, 20, 10)])
def test_a_claim_stays_fast_with_ten_thousand_waiting(world: World, learners: int, each: int, courses: int) -> None:
    line_of(world, learners, each, courses)
    seconds: list[float] = []
    for _ in range(15):
        started = time.perf_counter()
        with CaptureQueriesContext(connection) as queries:
            assert world.claim("training") is not None
        seconds.append(time.perf_counter() - started)
        assert len(queries) <= CLAIM_QUERIES
    print(
        f"{connection.vendor}: {learners} learners x {each} jobs x {courses}: {median(seconds) * 1000:.1f} ms a claim"
    )


def test_the_line_is_read_through_its_indexes(world: World) -> None:
    line_of(world, 2000, 1)
    with CaptureQueriesContext(connection) as queries:
        assert world.claim("training") is not None
    heads = [each["sql"] for each in queries if each["sql"].startswith("SELECT") and '"head"' in each["sql"]]
    assert len(heads) == 1
    with connection.cursor() as cursor:
        cursor.execute(("EXPLAIN " if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN ") + heads[0])
        plan = "\n".join(str(row) for row in cursor.fetchall())
    assert "job_turn" in plan, plan
    assert "learner_turn_next" in plan, plan
    assert "Seq Scan" not in plan, plan
    assert "SCAN axons" not in plan, plan


def test_a_backoff_keeps_only_that_job_waiting(world: World) -> None:
    ben = learner_project(world.lms, "ben")
    early, his = world.training(), world.training(project=ben)
    Job.objects.filter(pk=early.pk).update(not_before=timezone.now() + timedelta(seconds=30))
    assert [job.pk for job in claims(world)] == [his.pk]
