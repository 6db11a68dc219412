"""A writer that was superseded changes nothing: every call of `/runner/v1`, with its old token, over HTTP."""

import hashlib
from typing import Any

import pytest
from django.apps import apps
from django.utils import timezone

from axons_service.compute.models import Pool
from axons_service.jobs.artifacts import object_key
from axons_service.jobs.models import Attempt, Job
from axons_service.jobs.services import job_cancel, job_dispatch, lease_expire
from axons_service.storage import objects
from tests.service.jobs.conftest import RESULTS, World, metrics
from tests.service.jobs.test_runner_api import TOKEN, claim, post

pytestmark = pytest.mark.django_db(transaction=True)
SHA = "a" * 64


def calls(job: Job) -> dict[str, tuple[str, dict[str, Any]]]:
    """Every write of a runner, as its first attempt would make it."""

    def file(name: str, purpose: str) -> dict[str, Any]:
        return {"name": name, "bytes": 10, "sha256": SHA, "key": object_key(job, 1, purpose, name)}

    checkpoint = file("late.pt", "checkpoint")
    model = [file("model.safetensors", "artifact"), file("model.json", "artifact")]
    failure = {"class": "out_of_memory", "message": "Too large."}
    finish = {"files": [], "result": {}, "failure": None}
    return {
        "events": ("events", {"seq": 50, "events": [metrics(50)], "log": "late"}),
        "heartbeat": ("events", {"seq": 50, "events": []}),
        "checkpoint presign": ("uploads", {"purpose": "checkpoint", "files": [checkpoint]}),
        "artifact presign": ("uploads", {"purpose": "artifact", "files": model}),
        "checkpoint": ("checkpoints", {"step": 50, "epoch": 2, **checkpoint}),
        "finish": ("finish", {**finish, "outcome": "succeeded", "files": model, "result": RESULTS["training"]}),
        "failure": ("finish", {**finish, "outcome": "failed", "failure": failure}),
        "cancelled": ("finish", {**finish, "outcome": "cancelled"}),
        "release": ("finish", {**finish, "outcome": "released"}),
    }


CALLS = [
    "events", "heartbeat", "checkpoint presign", "artifact presign", "checkpoint", "finish", "failure", "cancelled",
    "release",
]  # fmt: skip


def everything() -> dict[str, list[Any]]:
    """Every row of every table of the service."""
    tables = [model for model in apps.get_models() if model._meta.app_label.startswith("axons_")]
    return {table.__name__: list(table._default_manager.order_by("pk").values()) for table in tables}


@pytest.fixture
def pooled(real_world: World) -> World:
    Pool.objects.update(token_sha256=hashlib.sha256(TOKEN.encode()).hexdigest())
    return real_world


@pytest.mark.parametrize("after", ["a new attempt", "its cancel", "the end of the next attempt"])
@pytest.mark.parametrize("name", CALLS)
def test_a_superseded_write_gets_409_and_changes_nothing(
    pooled: World, name: str, after: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = pooled.training()
    token = claim().json()["token"]
    if after == "its cancel":
        job_cancel(job_id=job.pk)
    Attempt.objects.update(lease_expires_at=timezone.now())
    assert lease_expire(attempt_id=Attempt.objects.get().pk)
    if after != "its cancel":
        job_dispatch(job_id=job.pk)
        Job.objects.update(not_before=None)
        second = pooled.claimed()
        assert second.attempt.number == 2
        if after == "the end of the next attempt":
            pooled.finish(second)
    path, body = calls(Job.objects.select_related("project__exercise").get(pk=job.pk))[name]
    for file in body.get("files") or [body]:
        if "key" in file:
            pooled.objects[file["key"]] = file["bytes"]  # its objects are there: nothing but the fence refuses it
    given: list[str] = []
    monkeypatch.setattr(objects, "presigned_put", lambda key, **about: given.append(key))
    before, stored = everything(), dict(pooled.objects)
    answer = post(f"/jobs/{job.pk}/{path}", {"attempt": 1, **body}, token)
    assert (answer.status_code, answer.json()["code"]) == (409, "attempt_superseded")
    assert everything() == before
    assert pooled.objects == stored
    assert given == []


def test_the_same_calls_are_taken_from_a_living_attempt(pooled: World) -> None:
    """Else the fence could refuse everybody."""
    pooled.training()
    given = claim().json()
    job = Job.objects.select_related("project__exercise").get()
    for name, (path, body) in calls(job).items():
        for file in body.get("files") or [body]:
            if "key" in file:
                pooled.objects[file["key"]] = file["bytes"]
        if name in ("failure", "cancelled", "release"):
            continue  # each ends the attempt; the finish before them has
        answer = post(f"/jobs/{job.pk}/{path}", {"attempt": 1, **body}, given["token"])
        assert answer.status_code in (200, 201), (name, answer.content)
    assert Job.objects.get().state == "succeeded"
