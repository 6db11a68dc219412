"""Who gets which job: one winner each, inference first, then the learner with the least recent compute."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from axons_service.compute.models import Runner
from axons_service.jobs.assignments import assignment
from axons_service.jobs.models import Attempt, Checkpoint, Job
from axons_service.jobs.services import job_cancel, job_claim, job_create
from axons_service.jobs.services.claims import token_hash
from axons_service.training_sets.models import TrainingSet
from tests.service.jobs.conftest import World, learner_project


def test_a_claim_starts_attempt_one_with_a_lease_and_its_own_token(world: World) -> None:
    job = world.training()
    claim = world.claimed()
    attempt = Attempt.objects.get(job=job)
    assert (claim.job.pk, claim.attempt.number) == (job.pk, 1)
    assert attempt.token_sha256 == token_hash(claim.token)
    assert 85 < (attempt.lease_expires_at - attempt.started_at).total_seconds() <= 90
    assert Job.objects.get().state == "preparing"


def test_a_queued_job_cannot_be_claimed_before_its_dispatch(world: World) -> None:
    world.training(dispatch=False)
    assert world.claim() is None


def test_a_job_of_another_pool_is_not_given(world: World) -> None:
    world.training()
    pool = type(world.pool).objects.create(name="v100s", provider="static", token_sha256="1" * 64)
    runner = Runner.objects.create(pool=pool, name="r2")
    assert job_claim(runner=runner, slots=["training"], architectures=[]) is None


def test_a_runner_that_is_stopping_gets_nothing(world: World) -> None:
    world.training()
    world.runner.state = Runner.State.STOPPING
    assert world.claim() is None


def test_slots_take_their_own_kinds(world: World) -> None:
    world.training()
    assert world.claim("inference") is None
    inference = world.inference()
    training_first = world.claim("training")
    assert training_first is not None
    assert training_first.job.kind == "training"
    taken = world.claim("inference")
    assert taken is not None
    assert taken.job == inference


def test_a_runner_gets_only_architectures_that_it_can_train(world: World) -> None:
    world.training()
    assert world.claim(architectures=["efficientnet_lite0"]) is None
    assert world.claim(architectures=["small_cnn"]) is not None


def test_inference_comes_before_older_training(world: World) -> None:
    world.training()
    inference = world.inference()
    assert world.claimed().job == inference


def test_the_learner_with_the_least_recent_compute_comes_first(world: World) -> None:
    ben = learner_project(world.lms, "ben")
    mine = [world.training(), world.training(), world.training()]
    his = world.training(project=ben)
    order = [world.claimed().job.pk for _ in range(4)]
    assert order == [mine[0].pk, his.pk, mine[1].pk, mine[2].pk]


def test_a_job_in_its_backoff_waits(world: World) -> None:
    from datetime import timedelta

    from django.utils import timezone

    job = world.training()
    Job.objects.filter(pk=job.pk).update(not_before=timezone.now() + timedelta(seconds=30))
    assert world.claim() is None
    Job.objects.filter(pk=job.pk).update(not_before=timezone.now() - timedelta(seconds=1))
    assert world.claim() is not None


def test_a_cancelled_job_is_not_given(world: World) -> None:
    job_cancel(job_id=world.training().pk)
    assert world.claim() is None


@pytest.mark.django_db(transaction=True)
def test_of_many_claims_at_once_each_job_has_one_winner(real_world: World) -> None:
    jobs = {real_world.training().pk for _ in range(5)}
    runners = [Runner.objects.create(pool=real_world.pool, name=f"many-{n}") for n in range(8)]
    barrier = threading.Barrier(len(runners))

    def claim(runner: Runner) -> object:
        try:
            barrier.wait(timeout=10)
            found = job_claim(runner=runner, slots=["training"], architectures=[])
            return found.job.pk if found else None
        finally:
            connection.close()

    with ThreadPoolExecutor(len(runners)) as threads:
        won = [pk for pk in threads.map(claim, runners) if pk is not None]
    won += [claim.job.pk for claim in iter(lambda: real_world.claim("training"), None)]
    assert sorted(won) == sorted(jobs)
    assert Attempt.objects.count() == 5
    assert set(Attempt.objects.values_list("number", flat=True)) == {1}


@pytest.mark.django_db(transaction=True)
def test_of_two_equal_requests_at_once_one_job_comes(real_world: World) -> None:
    barrier = threading.Barrier(6)

    def create(_: int) -> tuple[object, bool]:
        try:
            barrier.wait(timeout=10)
            job, created = job_create(
                project=real_world.project,
                kind="training",
                idempotency_key="same",
                request_sha256="0" * 64,
                training_set=real_world.training_set,
            )
            return job.pk, created
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as threads:
        made = list(threads.map(create, range(6)))
    assert len({pk for pk, _ in made}) == 1
    assert sum(created for _, created in made) == 1


def test_an_assignment_has_the_training_set_by_url(world: World) -> None:
    world.training()
    given = assignment(world.claimed())
    assert given["kind"] == "training"
    assert given["classes"] == ["cat", "dog"]
    assert given["time_limit_seconds"] == 20 * 60
    assert "own-manifest" in given["training_set"]["manifest"]["url"]
    assert "own-shard" in given["training_set"]["shards"][0]["url"]
    assert given["resume"] is None
    assert given["model"] is None


def test_an_evaluation_gets_the_hidden_test_set_and_the_model(world: World) -> None:
    world.evaluation()
    given = assignment(world.claimed())
    assert given["training_set"]["id"] == str(world.hidden.pk)
    assert [file["name"] for file in given["model"]["files"]] == ["model.safetensors"]


def test_a_training_never_gets_urls_of_a_hidden_test_set(world: World) -> None:
    """Even when a row says otherwise: the last door before the URLs checks again."""
    job = world.training()
    Job.objects.filter(pk=job.pk).update(training_set=TrainingSet.objects.get(kind="hidden"))
    with pytest.raises(ValueError, match="may not read a hidden set"):
        assignment(world.claimed())


def test_a_later_attempt_resumes_from_the_furthest_checkpoint(world: World) -> None:
    claim = world.running()
    for step in (10, 30, 20):
        Checkpoint.objects.create(
            job=claim.job, attempt=1, step=step, epoch=1, key=f"ckpt-{step}", sha256="c" * 64, bytes=7
        )
    world.finish(claim, "released")
    from axons_service.jobs.services import job_dispatch

    job_dispatch(job_id=claim.job.pk)
    again = world.claimed()
    assert again.attempt.number == 2
    resume = assignment(again)["resume"]
    assert resume is not None
    assert resume["step"] == 30
    assert "ckpt-30" in resume["file"]["url"]
