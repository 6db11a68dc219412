"""What the path from a submission to its runner asks the database, and what is remembered of a line for a moment."""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from axons_service.compute.models import CourseLimits, Pool
from axons_service.exercises.models import Exercise, Project
from axons_service.jobs import forecast, measurements
from axons_service.jobs.models import CourseTurn, Event, Job, LearnerTurn
from axons_service.jobs.queue import places
from axons_service.jobs.services import event_append, job_create, job_dispatch
from axons_service.jobs.services.claims import token_hash
from axons_service.jobs.services.events import events_append
from axons_service.jobs.services.moves import job_lock, job_move
from axons_service.jobs.states import Move
from axons_service.operations.problems import Problem
from axons_service.training_sets.models import TrainingSet
from tests.service import builders
from tests.service.jobs.conftest import World, learner_project

# Statements, savepoints included. PostgreSQL numbers, tells and moves in one; SQLite cannot.
MOST = {
    "submission": {"postgresql": 24, "sqlite": 26},
    "submission, the line known": {"postgresql": 17, "sqlite": 19},
    "dispatch": {"postgresql": 7, "sqlite": 11},
    "claim": {"postgresql": 13, "sqlite": 19},
    "finish": {"postgresql": 10, "sqlite": 14},
}


def asked(act: Callable[[], Any]) -> int:
    with CaptureQueriesContext(connection) as queries:
        act()
    return len(queries)


def submitted(world: World, anna: builders.Caller, key: str = "") -> Any:
    body = {"kind": "training", "training_set": str(world.training_set.pk), "hyperparameters": {"epochs": 2}}
    answer = anna.post("/jobs", body, key=key or uuid.uuid4().hex)
    assert answer.status_code == 201, answer.content
    return answer


def runner_post(path: str, body: dict[str, Any], token: str, status: int = 200) -> Any:
    headers = {"Authorization": f"Bearer {token}"}
    answer = Client().post(f"/runner/v1{path}", body, content_type="application/json", headers=headers)
    assert answer.status_code == status, answer.content
    return answer


@pytest.fixture
def remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecast, "FRESH_SECONDS", 600.0)


def test_the_path_of_a_job_asks_no_more_than_this(world: World, anna: builders.Caller) -> None:
    submitted(world, anna)  # the first of a learner makes their turn
    job_dispatch(job_id=Job.objects.get().pk)
    world.finish(world.claimed())
    found = {"submission": asked(lambda: submitted(world, anna))}
    job = Job.objects.order_by("-created_at")[0]
    found["dispatch"] = asked(lambda: job_dispatch(job_id=job.pk))
    found["claim"] = asked(lambda: world.claim("training"))
    token = "the token of this attempt"
    job.attempts.update(token_sha256=token_hash(token))
    failure = {"class": "invalid_input", "message": "a picture cannot be read"}
    body = {"attempt": 1, "outcome": "failed", "failure": failure}
    found["finish"] = asked(lambda: runner_post(f"/jobs/{job.pk}/finish", body, token))
    assert {name: count for name, count in found.items() if count > MOST[name][connection.vendor]} == {}, found


def test_a_submission_asks_less_when_the_line_is_known(world: World, anna: builders.Caller, remembered: None) -> None:
    submitted(world, anna)
    count = asked(lambda: submitted(world, anna))
    assert count <= MOST["submission, the line known"][connection.vendor]


def test_who_joins_a_known_line_stands_where_a_new_look_would_put_them(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Learners of two courses join one after the other; nothing is read again, and every place is the right one."""
    away = learner_project(world.lms, "away")
    far = Exercise.objects.create(site=world.lms.site, usage_key="block-v1:far", course_key="course-v1:Far+1+1")
    Project.objects.filter(pk=away.pk).update(exercise=far)
    away = Project.objects.select_related("exercise__site", "spec").get(pk=away.pk)
    ben = learner_project(world.lms, "ben")
    for project in (world.project, away):  # both courses and their lines are known
        world.training(project=project)
    world.evaluation()
    monkeypatch.setattr(forecast, "FRESH_SECONDS", 600.0)
    places([world.training()])
    jobs = [world.training(project=project) for project in (ben, away, world.project, ben, away, ben)]
    jobs.insert(3, world.evaluation())
    said: dict[Any, int | None] = {}
    for job in jobs:
        with CaptureQueriesContext(connection) as queries:
            said[job.pk] = places([job])[job.pk].position
        assert [each["sql"] for each in queries if "axons_jobs_job" in each["sql"]] == []
    later = {job.pk: places([job])[job.pk].position for job in jobs}  # each as those who came after it left it
    monkeypatch.setattr(forecast, "FRESH_SECONDS", 0.0)
    anew = {pk: place.position for pk, place in places(jobs).items()}
    assert later == anew
    assert said[jobs[-1].pk] == anew[jobs[-1].pk]


def test_the_estimate_of_a_known_line_counts_who_joined(world: World, remembered: None) -> None:
    for _ in range(3):
        job = world.training()
        world.finish(world.claimed())
        first = job.attempts.get()
        first.started_at, first.ended_at = first.ended_at, first.ended_at
        job.attempts.update(started_at=first.ended_at.replace(year=first.ended_at.year - 1), ended_at=first.ended_at)
    world.running()
    etas = [places([job])[job.pk].eta_seconds or 0.0 for job in (world.training() for _ in range(4))]
    assert etas == sorted(set(etas)), etas


def test_the_first_of_a_course_reads_the_line_anew(world: World, remembered: None) -> None:
    """Its limits are in nobody's memory yet."""
    places([world.training()])
    away = learner_project(world.lms, "away")
    far = Exercise.objects.create(site=world.lms.site, usage_key="block-v1:far", course_key="course-v1:Far+1+1")
    Project.objects.filter(pk=away.pk).update(exercise=far)
    away = Project.objects.select_related("exercise__site", "spec").get(pk=away.pk)
    CourseLimits.objects.create(site=world.lms.site, course_key=far.course_key, max_running=1)
    job = world.training(project=away)
    line = forecast.forecast(job.pool_id, [job], is_inference=False)
    limits = line.limits(job)
    assert limits is not None
    assert limits.max_running == 1


def test_a_line_is_read_again_after_its_moment(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecast, "FRESH_SECONDS", 0.5)
    first, second = world.training(), world.training()
    assert places([second])[second.pk].position == 2
    world.claimed()
    assert places([second])[second.pk].position == 2  # as it was a moment ago
    clock = forecast.time.monotonic() + 0.6
    monkeypatch.setattr(forecast.time, "monotonic", lambda: clock)
    assert places([second])[second.pk].position == 1
    assert first.pk != second.pk


def test_a_line_that_takes_long_to_read_is_kept_longer(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecast, "READING_SHARE", 0.1)
    job = world.training()
    line = forecast.forecast(job.pool_id, [job], is_inference=False)
    line._seconds_to_read = 2.0
    clock = line.read_at + 19.0
    monkeypatch.setattr(forecast.time, "monotonic", lambda: clock)
    assert forecast.forecast(job.pool_id, [job], is_inference=False) is line
    clock += 1.5
    assert forecast.forecast(job.pool_id, [job], is_inference=False) is not line


def test_while_one_thread_reads_a_line_the_others_take_what_is_there(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise all of them read a long line at once, and none gets further."""
    job = world.training()
    known = forecast.forecast(job.pool_id, [job], is_inference=False)
    during: list[forecast.Forecast] = []

    class Slow(forecast.Forecast):
        def __init__(self, pool: Pool, *, is_inference: bool) -> None:
            with ThreadPoolExecutor(1) as other:
                during.append(other.submit(forecast.forecast, pool.pk, [], is_inference=is_inference).result(10))
            super().__init__(pool, is_inference=is_inference)

    monkeypatch.setattr(forecast, "Forecast", Slow)
    anew = forecast.forecast(job.pool_id, [job], is_inference=False)
    assert during == [known]
    assert anew is not known


def test_a_move_that_comes_too_late_tells_nobody(world: World) -> None:
    job = world.training()
    stale = job_lock(job.pk)
    assert world.claim("training") is not None
    before = Event.objects.count()
    assert not job_move(job=stale, move=Move.CLAIM, attempt=1)
    assert (stale.state, stale.attempt) == ("dispatched", 0)
    assert Event.objects.count() == before
    assert Job.objects.get().event_seq == before


def test_events_of_one_move_keep_their_order(world: World) -> None:
    job = world.training(dispatch=False)
    items = [("log", {"text": f"line {number} 'quoted' “ü” %s"}) for number in range(12)]
    appended = events_append(project_id=job.project_id, job=job, items=items)
    stored = list(Event.objects.filter(kind="log").order_by("pk"))
    assert [each.data for each in stored] == [data for _, data in items]
    assert [each.seq for each in stored] == list(range(2, 14))
    assert [(each.pk, each.seq, each.data) for each in appended] == [(each.pk, each.seq, each.data) for each in stored]


def test_events_of_a_job_that_is_gone_are_none(world: World) -> None:
    job = Job(project=world.project, spec=world.project.spec, pool=world.pool)
    assert events_append(project_id=world.project.pk, job=job, items=[("log", {"text": "…"})]) == []
    assert not Event.objects.exists()
    assert event_append(project=world.project, job=None, kind="training_set", data={}).seq == 0


def test_a_repeat_gets_its_job_although_what_it_used_is_gone(world: World) -> None:
    """The answer is that of the first time: the pool closed, or the set went away, after it was given."""
    first = world.training("k")
    Pool.objects.update(is_active=False)
    again, is_new = job_create(
        project=world.project,
        kind="training",
        idempotency_key="k",
        request_sha256="0" * 64,
        training_set=TrainingSet.objects.get(pk=world.training_set.pk),
    )
    assert (again.pk, is_new) == (first.pk, False)
    with pytest.raises(Problem, match="takes no jobs now"):
        world.training("another")
    with pytest.raises(Problem, match="another request"):
        job_create(project=world.project, kind="training", idempotency_key="k", request_sha256="1" * 64)


def test_a_clash_of_keys_leaves_no_second_job_and_no_event(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both looked and found nothing: the insert decides, and whoever lost hears of the winner's job."""
    first = world.training("k", dispatch=False)
    before = Event.objects.count()
    again, is_new = job_create(
        project=world.project,
        kind="training",
        idempotency_key="k",
        request_sha256="0" * 64,
        training_set=world.training_set,
    )
    assert (again.pk, is_new) == (first.pk, False)
    assert (Job.objects.count(), Event.objects.count()) == (1, before)


def test_serving_one_learner_leaves_the_others_of_the_course_waiting(world: World) -> None:
    ben = learner_project(world.lms, "ben")
    world.training()
    world.training(project=ben)
    assert world.claimed().job.project_id == world.project.pk
    waits = dict(LearnerTurn.objects.values_list("learner", "waiting_since"))
    assert waits["anna"] is None
    assert waits["ben"] is not None
    assert CourseTurn.objects.get().waiting_since is not None
    assert world.claimed().job.project_id == ben.pk
    assert CourseTurn.objects.get().waiting_since is None


def test_many_lines_share_one_look_at_what_was_measured(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measurements, "KEPT_SECONDS", 600.0)
    world.training()
    world.finish(world.claimed())
    job = world.training()
    first = asked(lambda: places([job]))
    measured = measurements.run_times(world.pool.pk, ["training"]).of((job.spec_id, "training", "small_cnn "))
    assert measured is not None
    assert (len(measured.seconds), measured.basis) == (1, "spec")
    assert asked(lambda: places([job])) == first - 2
    world.finish(world.claimed())
    clock = measurements.time.monotonic() + 601
    monkeypatch.setattr(measurements.time, "monotonic", lambda: clock)
    measured = measurements.run_times(world.pool.pk, ["training"]).of((job.spec_id, "training", "small_cnn "))
    assert measured is not None
    assert len(measured.seconds) == 2
