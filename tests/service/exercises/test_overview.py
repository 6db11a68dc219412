"""What an educator asks first: who has begun, who is stuck, what was scored, what it took."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from axons_service.exercises.models import Project
from axons_service.grading.models import Submission
from axons_service.jobs.models import Attempt, Job
from tests.service import builders
from tests.service.builders import Caller
from tests.service.jobs.conftest import World, learner_project


@pytest.fixture
def grader(world: World) -> Caller:
    return Caller(world.lms, learner="greta", role="grader")


def ran(world: World, project: Project, state: str, *, minutes: float = 0, **values: Any) -> Job:
    """A training that ended so."""
    job = Job.objects.create(
        project=project,
        spec=project.spec,
        pool=world.pool,
        state=state,
        idempotency_key=uuid.uuid4().hex,
        request_sha256="0" * 64,
        time_limit_seconds=60,
        **{"kind": "training", **values},
    )
    if minutes:
        end = timezone.now()
        attempt = Attempt.objects.create(job=job, number=1, token_sha256=uuid.uuid4().hex, lease_expires_at=end)
        Attempt.objects.filter(pk=attempt.pk).update(
            started_at=end - timedelta(minutes=minutes), ended_at=end, outcome="succeeded"
        )
    return job


def handed_in(world: World, project: Project, score: float, override: float | None = None) -> None:
    job = ran(world, project, "succeeded", kind="evaluation")
    Submission.objects.create(
        project=project,
        model=builders.model(project),
        job=job,
        spec=project.spec,
        state="scored",
        metric="accuracy",
        automatic_score=score,
        override_score=override,
        final_score=score if override is None else override,
        idempotency_key=uuid.uuid4().hex,
    )


def old(project: Project) -> Project:
    Project.objects.filter(pk=project.pk).update(created_at=timezone.now() - timedelta(days=2))
    return project


@pytest.fixture
def classroom(world: World) -> World:
    """One learner for every standing; the world's own has just opened the exercise."""
    names = {name: learner_project(world.lms, name) for name in ("done", "stuck", "again", "idle")}
    ran(world, names["done"], "succeeded", minutes=3)
    handed_in(world, names["done"], 0.5, override=1.0)
    ran(world, names["stuck"], "succeeded", minutes=1.5)
    ran(world, names["stuck"], "failed", failure_class="invalid_input", failure_message="One class is not enough.")
    ran(world, names["again"], "failed", failure_class="time_limit", failure_message="Too long.")
    ran(world, names["again"], "cancelled", failure_class="cancelled", failure_message="You cancelled this job.")
    old(names["idle"])
    staff = learner_project(world.lms, "teacher")
    handed_in(world, staff, 1.0)
    Project.objects.filter(pk=staff.pk).update(is_staff=True)
    return world


def test_the_class_at_a_glance(classroom: World, grader: Caller) -> None:
    seen = grader.get("/overview").json()
    assert seen["standings"] == {"handed_in": 1, "failing": 1, "working": 1, "no_run": 1, "opened": 1}
    assert seen["scores"] == [0] * 9 + [1]
    assert (seen["runs"], seen["failed_runs"]) == (6, 2)  # the model that was handed in came from a run, too
    assert seen["failures"] == {"invalid_input": 1, "time_limit": 1}
    assert seen["compute_minutes"] == 4.5


def test_each_learner_with_what_went_wrong_last(classroom: World, grader: Caller) -> None:
    rows = {row["learner"]: row for row in grader.get("/overview/learners").json()["results"]}
    assert "teacher" not in rows
    stuck = rows["stuck"]
    assert (stuck["standing"], stuck["runs"], stuck["failed_runs"]) == ("failing", 2, 1)
    assert (stuck["last_failure"], stuck["compute_minutes"]) == ("One class is not enough.", 1.5)
    assert (rows["again"]["standing"], rows["again"]["last_failure"]) == ("working", "")
    assert rows["done"]["best_score"] == 1.0
    assert (rows["idle"]["standing"], rows["idle"]["last_run_at"]) == ("no_run", None)


def test_one_standing_is_paged_by_cursor(world: World, grader: Caller) -> None:
    for number in range(5):
        old(learner_project(world.lms, f"idle{number}"))
    first = grader.get("/overview/learners", standing="no_run", limit=3).json()
    second = grader.get("/overview/learners", standing="no_run", limit=3, cursor=first["next"]).json()
    names = [row["learner"] for row in first["results"] + second["results"]]
    assert sorted(names) == [f"idle{number}" for number in range(5)]
    assert second["next"] is None
    assert grader.get("/overview/learners", standing="failing", cursor=first["next"]).status_code == 400
    assert grader.get("/overview/learners", standing="lazy").status_code == 400


@pytest.mark.parametrize("path", ["/overview", "/overview/learners"])
def test_only_staff_of_this_exercise_see_it(classroom: World, grader: Caller, path: str) -> None:
    assert Caller(classroom.lms).get(path).status_code == 403
    elsewhere = Caller(classroom.lms, learner="greta", role="grader", usage="block-v1:other")
    assert "done" not in str(elsewhere.get(path).json())
    assert sum(elsewhere.get("/overview").json()["standings"].values()) == 0
    foreign = Caller(builders.lms("other"), learner="greta", role="grader")
    assert sum(foreign.get("/overview").json()["standings"].values()) == 0


def test_staff_who_look_on_as_learners_stay_out(world: World, grader: Caller) -> None:
    assert grader.open().status_code == 200
    assert Caller(world.lms, learner="greta").open().status_code == 200
    assert "greta" not in {row["learner"] for row in grader.get("/overview/learners").json()["results"]}
