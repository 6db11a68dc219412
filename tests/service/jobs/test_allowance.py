"""What waits behind a course's limit or a used-up budget starts no machine, blames none, stands in nobody's way."""

from datetime import UTC, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from axons_service.compute.models import ComputeUse, CourseLimits, Pool
from axons_service.compute.scaling import runners_to_start, runners_to_stop
from axons_service.compute.selectors import pool_load
from axons_service.exercises.models import Project, Spec
from axons_service.grading.selectors import project_tries
from axons_service.jobs.models import Attempt, CourseTurn, Job
from axons_service.jobs.services import job_dispatch
from axons_service.jobs.services.reconcile import jobs_reconcile
from tests.service import builders
from tests.service.jobs.conftest import World, learner_project

CLAIM_QUERIES = 24


def limit(**values: Any) -> CourseLimits:
    CourseLimits.objects.update(**values)
    return CourseLimits.objects.get()


def used(minutes: float, learner: str) -> None:
    day = timezone.now().astimezone(UTC).date()
    use, _ = ComputeUse.objects.get_or_create(limits=CourseLimits.objects.get(), learner=learner, day=day)
    ComputeUse.objects.filter(pk=use.pk).update(seconds=minutes * 60)


def capped(world: World, project: Project, minutes: int | None) -> None:
    """The author's budget in the exercise."""
    spec, _ = Spec.objects.get_or_create(
        site=world.lms.site, hash=f"{minutes}", defaults={"body": builders.spec(compute_minutes_per_learner=minutes)}
    )
    Project.objects.filter(pk=project.pk).update(spec=spec)
    Job.objects.filter(project=project).update(spec=spec)


def worked(world: World, job: Job, minutes: float) -> None:
    """An attempt of another training of this job's project, that ended."""
    other = Job.objects.create(
        project=job.project,
        spec=job.spec,
        pool=job.pool,
        kind="training",
        state="succeeded",
        attempt=1,
        idempotency_key="before",
        time_limit_seconds=60,
    )
    now = timezone.now()
    made = Attempt.objects.create(job=other, number=1, lease_expires_at=now, ended_at=now, outcome="succeeded")
    Attempt.objects.filter(pk=made.pk).update(started_at=now - timedelta(minutes=minutes))


def waiting(world: World) -> int:
    return pool_load(Pool.objects.get(pk=world.pool.pk)).waiting_training


def ago(**age: Any) -> Any:
    return timezone.now() - timedelta(**age)


def hold(world: World, why: str) -> Job:
    """A training that waits and may not start."""
    if why == "course limit":
        world.running()
        job = world.training()
        limit(max_running=1)
        CourseTurn.objects.update(served_at=ago(days=3))
        return job
    job = world.training()
    if why == "course budget":
        limit(course_minutes=10)
        used(10, "")
    elif why == "learner budget":
        limit(learner_minutes=10)
        used(10, "anna")
    else:
        capped(world, job.project, 10)
        job.refresh_from_db()
        worked(world, job, 10.1)
    return job


HOLDS = ["course limit", "course budget", "learner budget", "exercise budget"]


@pytest.mark.parametrize("why", HOLDS)
def test_what_may_not_start_needs_no_machine(world: World, why: str) -> None:
    hold(world, why)
    assert waiting(world) == 0
    assert world.claim("training") is None
    CourseLimits.objects.update(max_running=None, course_minutes=None, learner_minutes=None)
    capped(world, world.project, None)
    assert waiting(world) == 1
    assert world.claim("training") is not None


def test_a_machine_is_neither_started_nor_kept_for_what_waits_behind_a_limit(world: World) -> None:
    for _ in range(5):
        world.training()
    pool = Pool.objects.get(pk=world.pool.pk)
    pool.max_runners = 10
    limit(max_running=2)
    assert runners_to_start(pool, pool_load(pool)) == 1  # two may run, one machine is there
    world.claimed()
    world.claimed()
    assert runners_to_start(pool, pool_load(pool)) == 0  # both run
    limit(learner_minutes=1, max_running=None)
    used(1, "anna")
    Attempt.objects.update(ended_at=timezone.now())
    Job.objects.filter(state="preparing").update(state="succeeded")
    type(world.runner).objects.update(busy_at=ago(days=1))
    assert [each.pk for each in runners_to_stop(pool, pool_load(pool), timezone.now())] == [world.runner.pk]


def test_a_training_that_began_is_waited_for_whatever_the_budget(world: World) -> None:
    lost = world.running()
    world.finish(lost, "failed")
    Job.objects.update(not_before=None)
    job_dispatch(job_id=lost.job.pk)
    limit(course_minutes=1)
    used(5, "")
    assert waiting(world) == 1
    assert world.claimed().job == lost.job


def test_the_load_of_a_pool_is_a_constant_number_of_queries(world: World) -> None:
    limit_rows = [world.training(project=learner_project(world.lms, f"l{n}")) for n in range(12)]
    limit(max_running=3, learner_minutes=5, course_minutes=100)
    capped(world, limit_rows[0].project, 5)
    with CaptureQueriesContext(connection) as queries:
        assert waiting(world) == 3
    assert len(queries) <= 8


@pytest.mark.parametrize("why", HOLDS)
def test_it_is_not_failed_for_missing_machines_and_has_a_whole_day_for_one_afterwards(world: World, why: str) -> None:
    job = hold(world, why)
    Job.objects.filter(pk=job.pk).update(created_at=ago(days=20))
    assert jobs_reconcile().no_capacity == 0
    job.refresh_from_db()
    assert job.state == "dispatched"
    assert job.waiting_since > ago(minutes=1)
    CourseLimits.objects.update(max_running=None, course_minutes=None, learner_minutes=None)
    capped(world, world.project, None)
    Job.objects.filter(pk=job.pk).update(waiting_since=ago(hours=25))
    assert jobs_reconcile().no_capacity == 1
    job.refresh_from_db()
    assert (job.state, job.failure_class) == ("failed", "no_capacity")


@pytest.mark.parametrize("why", HOLDS)
def test_after_35_days_it_is_given_up_with_a_true_sentence_and_costs_no_try(world: World, why: str) -> None:
    job = hold(world, why)
    Job.objects.filter(pk=job.pk).update(created_at=ago(days=36))
    assert jobs_reconcile().given_up == 1
    job.refresh_from_db()
    assert (job.state, job.failure_class) == ("failed", "held_back")
    assert "machine" not in job.failure_message
    assert "limit of your course" in job.failure_message
    assert "Your try was not used" in job.failure_message
    assert project_tries(job.project).used == 0


def test_in_the_moment_between_two_jobs_of_a_limited_course_nobody_is_failed(world: World) -> None:
    """The course has room for a second, and its line was served: a machine is there."""
    world.finish(world.running())
    job = world.training()
    limit(max_running=1)
    Job.objects.filter(pk=job.pk).update(created_at=ago(hours=30))
    assert jobs_reconcile().no_capacity == 0
    CourseTurn.objects.update(served_at=ago(hours=25))
    Job.objects.filter(pk=job.pk).update(waiting_since=ago(hours=25))
    assert jobs_reconcile().no_capacity == 1


@pytest.mark.parametrize("why", ["learner budget", "exercise budget"])
def test_sixty_learners_beyond_their_budget_stand_in_nobodys_way(world: World, why: str) -> None:
    poor = [world.training(project=learner_project(world.lms, f"l{n:02}")) for n in range(60)]
    rich = world.training(project=learner_project(world.lms, "rich"))
    for job in poor:
        if why == "learner budget":
            limit(learner_minutes=10)
            used(10, job.project.learner)
        else:
            capped(world, job.project, 10)
            job.refresh_from_db()
            worked(world, job, 11)
    with CaptureQueriesContext(connection) as queries:
        claim = world.claim("training")
    assert claim is not None
    assert claim.job == rich
    assert len(queries) <= CLAIM_QUERIES
    with CaptureQueriesContext(connection) as queries:
        assert world.claim("training") is None
    assert len(queries) <= 12


def test_a_learner_beyond_the_budget_of_one_exercise_trains_in_another(world: World) -> None:
    job = hold(world, "exercise budget")
    other = builders.project(builders.Caller(world.lms, usage="block-v1:Demo+AX1+2026+type@axons+block@two"))
    more = world.training(project=other)
    assert world.claimed().job == more
    assert Job.objects.get(pk=job.pk).state == "dispatched"


def test_many_interrupted_trainings_of_full_courses_cost_no_more_queries(world: World) -> None:
    for n in range(30):
        world.training(project=learner_project(world.lms, f"l{n}"))
    Job.objects.update(attempt=1)
    limit(max_running=1)
    assert world.claim("training") is not None
    with CaptureQueriesContext(connection) as queries:
        assert world.claim("training") is None
    assert len(queries) <= 8
