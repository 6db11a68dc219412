"""Asking for compute: once per key, only with one's own things."""

from typing import Any

import pytest
from django.db import transaction

from axons_service.jobs.models import Event, Job
from axons_service.jobs.services import job_create
from axons_service.operations.problems import Problem
from tests.service import builders
from tests.service.jobs.conftest import World, learner_project, own_set


def test_a_new_job_is_queued_and_tells_its_watchers(world: World) -> None:
    job = world.training(dispatch=False)
    assert job.state == "queued"
    event = Event.objects.get(job=job)
    assert (event.kind, event.seq, event.data["state"]) == ("state", 1, "queued")


def test_the_same_key_gives_the_first_job_again(world: World) -> None:
    first = world.training("k")
    assert world.training("k") == first
    assert Job.objects.count() == 1


def test_the_same_key_with_another_body_is_refused(world: World) -> None:
    world.training("k")
    with pytest.raises(Problem) as refused:
        job_create(
            project=world.project,
            kind="training",
            idempotency_key="k",
            request_sha256="f" * 64,
            training_set=world.training_set,
        )
    assert (refused.value.status_code, refused.value.problem_code) == (422, "idempotency_mismatch")


def test_the_message_is_published_only_after_the_commit(
    world: World, django_capture_on_commit_callbacks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from axons_service.jobs.tasks import dispatch_job

    sent: list[Any] = []
    monkeypatch.setattr(dispatch_job, "apply_async", lambda **call: sent.append(call["args"]))
    with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
        job = world.training(dispatch=False)
        assert sent == []
    assert sent == [[str(job.pk)]]


def test_a_broker_that_is_down_does_not_fail_the_request(
    world: World, django_capture_on_commit_callbacks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from axons_service.jobs.tasks import dispatch_job

    def down(**call: Any) -> None:
        raise ConnectionError("no broker")

    monkeypatch.setattr(dispatch_job, "apply_async", down)
    with django_capture_on_commit_callbacks(execute=True):
        job = world.training(dispatch=False)
    assert Job.objects.get(pk=job.pk).state == "queued"


def test_training_refuses_the_hidden_test_set_even_under_the_starter_sets_name(world: World) -> None:
    world.project.spec.body["starter_set"] = world.hidden.name
    with pytest.raises(Problem, match="no such training set") as refused:
        job_create(
            project=world.project,
            kind="training",
            idempotency_key="k",
            request_sha256="0" * 64,
            training_set=world.hidden,
        )
    assert refused.value.problem_code == "training_set_unknown"


def test_training_refuses_another_learners_set(world: World) -> None:
    other = own_set(learner_project(world.lms, "ben"))
    with pytest.raises(Problem, match="no such training set"):
        job_create(
            project=world.project, kind="training", idempotency_key="k", request_sha256="0" * 64, training_set=other
        )


def test_training_waits_for_a_set_that_is_still_prepared(world: World) -> None:
    world.training_set.state = "preparing"
    with pytest.raises(Problem, match="not ready"):
        world.training()


def test_inference_refuses_another_learners_model(world: World) -> None:
    with pytest.raises(Problem, match="no such model"):
        world.inference(builders.model(learner_project(world.lms, "ben")))


def test_an_evaluation_takes_the_specs_hidden_test_set(world: World) -> None:
    assert world.evaluation().training_set == world.hidden


def test_an_exercise_whose_pool_is_closed_says_so(world: World) -> None:
    type(world.pool).objects.update(is_active=False)
    with pytest.raises(Problem, match="takes no jobs now"):
        world.training()
