"""One round at a time looks after a pool: a slow provider holds one worker, and work that comes meanwhile is seen."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from axons_service.compute import rounds
from axons_service.compute.models import Pool
from axons_service.compute.services import pool_scale_alone, pool_scale_for_work
from axons_service.compute.tasks import scale_pool
from axons_service.jobs.services import job_dispatch
from tests.service.compute.test_scaling import alive, training

MakePool = Callable[..., Pool]


@pytest.fixture
def during(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], Any]]:
    """What happens while a round waits for the provider, one a round; the rounds are real."""
    steps: list[Callable[[], Any]] = []
    real = rounds.pool_scale

    def slow(*, pool_id: int) -> None:
        real(pool_id=pool_id)
        if steps:
            steps.pop(0)()

    monkeypatch.setattr(rounds, "pool_scale", slow)
    return steps


def test_while_a_round_is_under_way_no_other_begins(make_pool: MakePool, during: list[Callable[[], Any]]) -> None:
    pool = make_pool()
    second: list[bool] = []
    during.append(lambda: second.append(pool_scale_alone(pool_id=pool.pk)))
    assert pool_scale_alone(pool_id=pool.pk)
    assert second == [False]
    assert pool_scale_alone(pool_id=pool.pk)  # and it is free again


def test_work_that_comes_during_a_round_gets_its_machine_from_the_next(
    make_pool: MakePool, during: list[Callable[[], Any]]
) -> None:
    """Whoever dispatched it does not wait for the provider."""
    pool = make_pool(most=1)
    (job,) = training()
    during.append(lambda: job_dispatch(job_id=job.pk))
    scale_pool(pool.pk)
    assert len(alive(pool)) == 1


def test_a_stream_of_work_does_not_hold_a_worker_for_ever(make_pool: MakePool, during: list[Callable[[], Any]]) -> None:
    pool = make_pool()
    during += [lambda: Pool.objects.update(is_scaling_wanted=True)] * 100
    assert pool_scale_alone(pool_id=pool.pk)
    assert len(during) == 100 - rounds.ROUNDS


def test_a_round_that_broke_leaves_the_pool_free(make_pool: MakePool, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = make_pool()

    def broken(*, pool_id: int) -> None:
        raise KeyError("a defect of ours")

    monkeypatch.setattr(rounds, "pool_scale", broken)
    with pytest.raises(KeyError):
        scale_pool(pool.pk)
    assert Pool.objects.get().scaling_since is None


def test_a_round_whose_worker_was_killed_is_followed_by_one_after_a_while(make_pool: MakePool) -> None:
    pool = make_pool(least=1)
    Pool.objects.update(scaling_since=timezone.now())
    scale_pool(pool.pk)
    assert alive(pool) == []
    Pool.objects.update(scaling_since=timezone.now() - rounds.ROUND_PATIENCE - timedelta(seconds=1))
    scale_pool(pool.pk)
    assert len(alive(pool)) == 1


def test_work_for_which_there_is_a_runner_begins_no_round(make_pool: MakePool, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = make_pool()
    monkeypatch.setattr(rounds, "pool_scale", lambda *, pool_id: pytest.fail("nothing waits"))
    pool_scale_for_work(pool_id=pool.pk)
    assert not Pool.objects.get().is_scaling_wanted
