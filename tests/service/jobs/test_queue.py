"""Where a waiting job stands, and an estimate only where something like it was measured."""

import uuid
from datetime import timedelta

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from axons_service.compute.models import CourseLimits, Pool, Runner
from axons_service.compute.services import runner_seen
from axons_service.jobs.estimate import Estimates, Measured, Slot, Work
from axons_service.jobs.forecast import Forecast
from axons_service.jobs.models import Attempt, Job
from axons_service.jobs.queue import places
from axons_service.jobs.series import Point, downsampled, resumed
from tests.service import builders
from tests.service.jobs.conftest import World, learner_project


def test_positions_follow_the_order_of_claims(world: World) -> None:
    world.running()
    waiting = [world.training() for _ in range(3)]
    found = places(waiting)
    assert [found[job.pk].position for job in waiting] == [1, 2, 3]
    assert world.claimed().job == waiting[0]


def test_an_estimate_is_null_with_a_reason_until_something_like_it_was_measured(world: World) -> None:
    world.running()
    job = world.training()
    place = places([job])[job.pk]
    assert (place.eta_seconds, place.eta_low_seconds, place.measurements) == (None, None, 0)
    assert place.reason is not None
    assert place.reason.code == "not_measured"


def test_behind_a_job_that_was_never_measured_nobody_can_say(world: World) -> None:
    first, second = world.training(), world.training()
    found = places([first, second])
    assert found[first.pk].eta_seconds == 0.0
    assert found[second.pk].eta_seconds is None


def test_an_estimate_comes_from_measured_run_times(world: World) -> None:
    measure(world, [100.0] * 200)
    world.running()
    first, second = world.training(), world.training()
    found = places([first, second])
    near = found[first.pk]
    assert near.eta_low_seconds is not None
    assert near.eta_high_seconds is not None
    assert 93 <= near.eta_low_seconds <= (near.eta_seconds or 0) <= near.eta_high_seconds <= 110
    assert 185 <= (found[second.pk].eta_seconds or 0) <= 215
    assert (near.measurements, near.measured_on) == (200, "spec")


def test_few_measurements_make_a_wide_spread(world: World) -> None:
    measure(world, [100.0])
    world.running()
    job = world.training()
    place = places([job])[job.pk]
    assert place.measurements == 1
    assert (place.eta_high_seconds or 0) - (place.eta_low_seconds or 0) > 60


def test_without_the_same_spec_the_same_kind_is_what_counts(world: World) -> None:
    measure(world, [50.0] * 10)
    other = builders.project(
        builders.Caller(world.lms, learner="zoe", usage="block-v1:x+block@z"), builders.spec(time_limit_minutes=7)
    )
    world.training(project=other)
    world.claimed()
    job = world.training(project=other)
    place = places([job])[job.pk]
    assert (place.measurements, place.measured_on) == (10, "kind")
    assert 40 <= (place.eta_seconds or 0) <= 60


def test_a_free_machine_takes_it_at_once(world: World) -> None:
    job = world.training()
    place = places([job])[job.pk]
    assert (place.position, place.eta_seconds, place.eta_low_seconds, place.eta_high_seconds) == (1, 0.0, 0.0, 2.0)
    assert place.measured_on is None


def test_without_a_machine_the_answer_says_so(world: World) -> None:
    Runner.objects.update(state="gone")
    job = world.training()
    place = places([job])[job.pk]
    assert place.eta_seconds is None
    assert place.reason is not None
    assert place.reason.code == "no_runner"


def test_a_machine_that_starts_takes_as_long_as_others_took(world: World) -> None:
    now = timezone.now()
    Pool.objects.update(provider="local", max_runners=1)
    Runner.objects.update(state="gone")
    for number in range(20):
        earlier = Runner.objects.create(pool=world.pool, name=f"e{number}", state="gone", ready_at=now)
        Runner.objects.filter(pk=earlier.pk).update(created_at=now - timedelta(seconds=40))
    job = world.training(dispatch=False)
    place = places([job])[job.pk]
    assert 34 <= (place.eta_seconds or 0) <= 46
    assert place.measurements == 20


def test_a_runner_is_measured_from_its_order_to_its_first_claim(world: World) -> None:
    runner = Runner.objects.create(pool=world.pool, name="cold")
    runner_seen(pool=world.pool, name="cold", version="1", device="cpu")
    first = Runner.objects.get(pk=runner.pk).ready_at
    assert first is not None
    Runner.objects.filter(pk=runner.pk).update(last_seen_at=None)
    runner_seen(pool=world.pool, name="cold", version="1", device="cpu")
    assert Runner.objects.get(pk=runner.pk).ready_at == first


def test_a_run_in_which_more_learns_is_not_measured_by_one_in_which_less_does(world: World) -> None:
    measure(world, [10.0] * 20, fine_tuning="frozen")
    measure(world, [1000.0] * 20, fine_tuning="full")
    world.running()
    quick, slow, last = (world.training() for _ in range(3))
    for job, learns in ((quick, "frozen"), (slow, "full")):
        Job.objects.filter(pk=job.pk).update(hyperparameters={**job.hyperparameters, "fine_tuning": learns})
    found = places([quick, slow, last])
    assert (found[last.pk].eta_seconds or 0) - (found[slow.pk].eta_seconds or 0) > 700
    assert (found[slow.pk].eta_seconds or 0) - (found[quick.pk].eta_seconds or 0) < 100


def test_no_machine_is_counted_on_for_what_a_limit_holds_back(world: World) -> None:
    measure(world, [1000.0] * 20)
    jobs = [world.training() for _ in range(12)]
    Pool.objects.update(provider="local", max_runners=4)
    CourseLimits.objects.update(max_running=1)
    held = Forecast(Pool.objects.get(), is_inference=False)
    CourseLimits.objects.update(max_running=None)
    free = Forecast(Pool.objects.get(), is_inference=False)
    assert len(held.order) == len(free.order) == len(jobs)
    assert len(held.slots) == 1 < len(free.slots)


def test_the_number_of_queries_is_the_same_for_one_and_for_many(world: World) -> None:
    measure(world, [10.0, 20.0])
    world.running()
    jobs = [world.training() for _ in range(2)]
    with CaptureQueriesContext(connection) as few:
        places(jobs)
    for number in range(8):
        project = learner_project(world.lms, f"l{number}")
        jobs += [world.training(project=project) for _ in range(2)]
    with CaptureQueriesContext(connection) as many:
        assert len(places(jobs)) == 18
    assert len(few) == len(many) <= 8


def test_what_the_places_say_is_what_the_claims_do(world: World) -> None:
    """Two courses, several learners, evaluations between: the pure order and the SQL agree."""
    away = learner_project(world.lms, "away")
    away.exercise = type(away.exercise).objects.create(
        site=world.lms.site, usage_key="block-v1:far", course_key="course-v1:Far+1+1"
    )
    away.save()
    jobs = [world.training(), world.training(), world.evaluation(), world.training(project=away)]
    for name in ("ben", "cleo"):
        project = learner_project(world.lms, name)
        jobs += [world.training(project=project), world.training(project=project)]
    jobs += [world.training(project=away), world.evaluation()]
    for _ in range(3):
        world.claim("training")
    waiting = list(Job.objects.filter(state="dispatched").select_related("spec", "project__exercise", "turn"))
    found = places(waiting)
    said = sorted(found, key=lambda pk: found[pk].position or 0)
    assert [found[pk].position for pk in said] == list(range(1, len(waiting) + 1))
    is_after_evaluation = world.runner.training_slot_kind == "evaluation"
    done = [claim.job.pk for claim in iter(lambda: world.claim("training"), None)]
    if is_after_evaluation:  # a place does not know which machine will take it: the pair may come the other way round
        assert sorted(map(str, done[:2])) == sorted(map(str, said[:2]))
        assert done[2:] == said[2:] or set(done) == set(said)
    else:
        assert done == said


def measure(world: World, seconds: list[float], **hyperparameters: str) -> None:
    """Finished trainings that took so long, in the world's exercise."""
    now = timezone.now()
    jobs = Job.objects.bulk_create(
        Job(
            project=world.project,
            spec=world.project.spec,
            pool=world.pool,
            kind="training",
            state="succeeded",
            idempotency_key=uuid.uuid4().hex,
            request_sha256="0" * 64,
            time_limit_seconds=60,
            hyperparameters={"architecture": "small_cnn", "epochs": 2, **hyperparameters},
            finished_at=now,
            attempt=1,
        )
        for _ in seconds
    )
    attempts = Attempt.objects.bulk_create(
        Attempt(job=job, number=1, token_sha256="0" * 64, lease_expires_at=now, outcome="succeeded", ended_at=now)
        for job in jobs
    )
    for attempt, each in zip(attempts, seconds, strict=True):
        attempt.started_at = now - timedelta(seconds=each)
    Attempt.objects.bulk_update(attempts, ["started_at"])


def test_a_job_that_does_not_wait_has_no_place(world: World) -> None:
    claim = world.running()
    assert places([Job.objects.get(pk=claim.job.pk)]) == {}


@given(ahead=st.lists(st.floats(1, 1000), max_size=20), slots=st.integers(1, 5))
@settings(deadline=None, max_examples=30)
def test_more_runners_never_make_the_wait_longer(ahead: list[float], slots: int) -> None:
    measured = [Work("training", Measured((each,) * 1000, "spec")) for each in [*ahead, 1.0]]
    one, more = (Estimates([], measured, [Slot()] * count).of(len(ahead)) for count in (slots, slots + 1))
    assert one.low <= one.middle <= one.high
    assert more.middle <= one.middle * 1.1 + 0.1


def test_a_course_at_its_limit_lets_others_pass() -> None:
    slow, quick = Measured((100.0,) * 1000, "spec"), Measured((10.0,) * 1000, "spec")
    slots = [Slot(slow, 0.0, course=1), Slot()]
    works = [Work("training", slow, 1, 1), Work("training", quick, 2)]
    estimates = Estimates([], works, slots)
    assert estimates.of(0).middle > 90
    assert estimates.of(1).middle == 0


def test_a_place_far_behind_is_estimated_from_all_the_work_before_it() -> None:
    measured = Measured((10.0,) * 1000, "spec")
    estimate = Estimates([], [Work("training", measured)] * 1000, [Slot()] * 4).of(800)
    assert 0.85 * 2000 < estimate.low <= estimate.middle <= estimate.high < 1.15 * 2000


def test_what_waits_far_behind_changes_nothing_in_front() -> None:
    """Even where the slots pass over many of a course at its limit."""
    slow, quick = Measured((100.0, 120.0), "spec"), Measured((10.0, 14.0), "spec")
    full = [Work("training", slow, 1, 1)] * 150
    others = [Work("training", quick, 2)] * 400
    slots = [Slot(slow, 0.0, course=1), Slot()]
    short, long = (Estimates([], full + others[:count], slots) for count in (100, 400))
    assert [short.of(place) for place in range(200)] == [long.of(place) for place in range(200)]
    assert long.of(150).middle == 0


@given(values=st.lists(st.floats(-1e6, 1e6), max_size=1500), limit=st.integers(3, 100))
def test_thinning_keeps_the_ends_the_order_and_the_limit(values: list[float], limit: int) -> None:
    points = list(enumerate(values))
    kept = downsampled(points, lambda point: point[1], limit)
    assert len(kept) == min(len(points), limit)
    assert kept == sorted(kept)
    if points:
        assert (kept[0], kept[-1]) == (points[0], points[-1])


def test_thinning_keeps_a_spike() -> None:
    values = [0.0] * 1000
    values[777] = 9.0
    assert 9.0 in downsampled(values, lambda value: value, 50)


def test_a_resumed_attempt_replaces_the_steps_that_it_repeats() -> None:
    first = [Point(1, {"step": step, "of": 1}) for step in (1, 2, 3, 4)]
    second = [Point(2, {"step": step, "of": 2}) for step in (3, 4, 5)]
    line = [(point["step"], point["of"]) for point in resumed(first + second)]
    assert line == [(1, 1), (2, 1), (3, 2), (4, 2), (5, 2)]
