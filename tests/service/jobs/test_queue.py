"""Where a waiting job stands, and an estimate only where something like it was measured."""

from datetime import timedelta

from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from axons_service.jobs.models import Attempt, Job
from axons_service.jobs.queue import _eta, places
from axons_service.jobs.series import Point, downsampled, resumed
from tests.service.jobs.conftest import World


def test_positions_follow_the_order_of_claims(world: World) -> None:
    world.running()
    waiting = [world.training() for _ in range(3)]
    found = places(waiting)
    assert [found[job.pk].position for job in waiting] == [1, 2, 3]
    assert world.claimed().job == waiting[0]


def test_an_estimate_is_null_until_something_like_it_was_measured(world: World) -> None:
    world.running()
    job = world.training()
    assert places([job])[job.pk].eta_seconds is None


def test_an_estimate_comes_from_measured_run_times(world: World) -> None:
    done = world.running()
    world.finish(done)
    now = timezone.now()
    Attempt.objects.filter(job=done.job).update(started_at=now - timedelta(seconds=100), ended_at=now)
    world.running()
    first, second = world.training(), world.training()
    found = places([first, second])
    assert 98 <= (found[first.pk].eta_seconds or 0) <= 100
    assert 198 <= (found[second.pk].eta_seconds or 0) <= 200


def test_a_job_that_does_not_wait_has_no_place(world: World) -> None:
    claim = world.running()
    assert places([Job.objects.get(pk=claim.job.pk)]) == {}


@given(ahead=st.lists(st.floats(0, 1000), max_size=20), slots=st.integers(1, 5))
def test_more_runners_never_make_the_wait_longer(ahead: list[float], slots: int) -> None:
    one, more = _eta(list(ahead), slots), _eta(list(ahead), slots + 1)
    assert one is not None
    assert more is not None
    assert more <= one + 0.1


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
