"""`/runner/v1` over HTTP: tokens, the long poll, and the whole path of a job."""

import asyncio
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
import uvicorn
from django.core.asgi import get_asgi_application
from django.db import connection
from django.test import AsyncClient, Client

from axons_service.compute.models import Pool, Runner
from axons_service.jobs import waiting as waiting_module
from axons_service.jobs.models import Attempt, Event, Job, Model
from axons_service.jobs.services import job_cancel
from tests.service.jobs.conftest import RESULTS, World, metrics, progress

TOKEN = "pool-token-of-the-tests-0123456789"
threaded = pytest.mark.django_db(transaction=True)
pytestmark = threaded


@pytest.fixture
def pooled(real_world: World) -> World:
    Pool.objects.update(token_sha256=hashlib.sha256(TOKEN.encode()).hexdigest())
    return real_world


def about(**changes: Any) -> dict[str, Any]:
    return {
        "name": "gpu-1",
        "version": "0.1.0",
        "device": "cpu",
        "slots": ["training", "inference"],
        "architectures": ["small_cnn"],
        **changes,
    }


def post(path: str, body: Any, token: str = TOKEN) -> Any:
    headers = {"Authorization": f"Bearer {token}"}
    return Client().post(f"/runner/v1{path}", json.dumps(body), content_type="application/json", headers=headers)


def claim(wait: float = 0, **changes: Any) -> Any:
    return post("/claim", {"runner": about(**changes), "wait": wait})


def test_a_job_goes_its_whole_way(pooled: World) -> None:
    job = pooled.training()
    given = claim().json()
    assert (given["job"], given["attempt"], given["kind"]) == (str(job.pk), 1, "training")
    path, token = f"/jobs/{job.pk}", given["token"]
    assert set(given) == {
        "job", "attempt", "token", "kind", "task", "lease_seconds", "time_limit_seconds", "event_interval_seconds",
        "hyperparameters", "classes", "training_set", "model", "picture", "batch", "resume",
    }  # fmt: skip
    batch = {"attempt": 1, "seq": 1, "events": [progress("training"), metrics(1)], "log": "hello"}
    assert post(f"{path}/events", batch, token).json() == {"cancel": False, "lease_seconds": 90.0}
    files = [{"name": name, "bytes": 4, "sha256": "a" * 64} for name in ("model.safetensors", "model.json")]
    urls = post(f"{path}/uploads", {"attempt": 1, "purpose": "artifact", "files": files}, token).json()["files"]
    assert {"name", "key", "url", "method", "headers"} == set(urls[0])
    pooled.objects.update({file["key"]: 4 for file in urls})
    done = {
        "attempt": 1,
        "outcome": "succeeded",
        "files": [{**file, "key": url["key"]} for file, url in zip(files, urls, strict=True)],
        "result": RESULTS["training"],
        "failure": None,
    }
    for _ in range(2):
        answer = post(f"{path}/finish", done, token)
        assert (answer.status_code, answer.json()) == (200, {"state": "succeeded"})
    assert Model.objects.count() == 1
    assert post(f"{path}/events", batch, token).json()["code"] == "attempt_superseded"


@pytest.mark.parametrize("token", ["", "wrong", "' OR 1=1 --"])
def test_a_claim_without_the_pools_token_is_401(pooled: World, token: str) -> None:
    pooled.training()
    assert post("/claim", {"runner": about(), "wait": 0}, token).status_code == 401


def test_a_closed_pool_gives_nothing(pooled: World) -> None:
    pooled.training()
    Pool.objects.update(is_active=False)
    assert claim().status_code == 401


def test_an_attempts_token_opens_this_attempt_alone(pooled: World) -> None:
    pooled.training()
    pooled.training()
    one, two = claim().json(), claim().json()
    heartbeat = {"attempt": 1, "seq": 1, "events": []}
    assert post(f"/jobs/{one['job']}/events", heartbeat, one["token"]).status_code == 200
    for path in ("events", "uploads", "checkpoints", "finish"):
        body = {
            "attempt": 1, "seq": 1, "events": [], "purpose": "artifact", "outcome": "failed", "step": 1, "epoch": 1,
            "name": "x", "key": "x", "sha256": "a" * 64, "bytes": 1,
            "files": [] if path == "finish" else [{"name": "x", "bytes": 1, "sha256": "a" * 64}],
        }  # fmt: skip
        for token in (two["token"], TOKEN, ""):
            assert post(f"/jobs/{one['job']}/{path}", body, token).status_code == 401, path
    other = {**heartbeat, "attempt": 2}
    assert post(f"/jobs/{one['job']}/events", other, one["token"]).status_code == 401


def test_a_heartbeat_brings_the_cancel(pooled: World) -> None:
    job = pooled.training()
    given = claim().json()
    job_cancel(job_id=job.pk)
    answer = post(f"/jobs/{job.pk}/events", {"attempt": 1, "seq": 1, "events": []}, given["token"])
    assert answer.json()["cancel"] is True


@pytest.mark.parametrize(
    "events",
    [
        [{"kind": "state", "data": {"state": "succeeded"}}],
        [{"kind": "metrics", "data": {"step": 1}}],
        [{"kind": "log"}],
        "x",
    ],
)
def test_a_runner_cannot_send_what_is_not_its_to_say(pooled: World, events: Any) -> None:
    pooled.training()
    given = claim().json()
    before = Event.objects.count()
    answer = post(f"/jobs/{given['job']}/events", {"attempt": 1, "seq": 1, "events": events}, given["token"])
    assert answer.status_code == 400
    assert Event.objects.count() == before


def test_nothing_to_do_is_204_and_makes_the_runner_known(pooled: World) -> None:
    assert claim().status_code == 204
    runner = Runner.objects.get(name="gpu-1")
    assert (runner.state, runner.device, runner.version) == ("active", "cpu", "0.1.0")


def test_options_of_a_waiting_address_say_what_it_takes(pooled: World) -> None:
    answer = Client().options("/runner/v1/claim", headers={"Authorization": f"Bearer {TOKEN}"})
    assert (answer.status_code, answer.headers["Allow"]) == (200, "POST, OPTIONS")


def test_a_job_that_cannot_be_assigned_is_our_fault_and_does_not_stop_the_claims(pooled: World) -> None:
    job = pooled.training()
    Job.objects.update(training_set=pooled.hidden)
    assert claim().status_code == 204
    assert Attempt.objects.get(job=job).outcome == "failed"
    assert Job.objects.get().state == "queued"


def in_background(function: Any) -> Any:
    def call() -> Any:
        try:
            return function()
        finally:
            connection.close()

    return asyncio.to_thread(call)


def test_a_waiting_runner_is_woken_by_a_new_job(pooled: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting_module, "RECHECK_SECONDS", 30)  # it is woken, not merely looking again

    async def scenario() -> tuple[Any, float]:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        body = json.dumps({"runner": about(), "wait": 10})
        waiting = asyncio.create_task(
            AsyncClient().post("/runner/v1/claim", body, content_type="application/json", headers=headers)
        )
        await asyncio.sleep(0.5)
        assert not waiting.done()
        await in_background(pooled.training)
        dispatched = time.monotonic()
        answer = await waiting
        return answer, time.monotonic() - dispatched

    answer, seconds = asyncio.run(scenario())
    assert answer.status_code == 200
    assert seconds < 1


@pytest.fixture
def server() -> Iterator[str]:
    """The service under uvicorn, in a thread of this process; gives its base URL."""
    config = uvicorn.Config(get_asgi_application(), port=0, log_level="warning", lifespan="off")
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run)
    thread.start()
    while not running.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{running.servers[0].sockets[0].getsockname()[1]}"
    running.should_exit = running.force_exit = True
    thread.join(timeout=10)


def test_waiting_runners_do_not_keep_others_from_being_served(
    pooled: World, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forty long polls wait; a forty-first call is answered as if alone, and a new job wakes exactly one."""
    from axons_service.jobs import runner_api

    claim_now, looks = runner_api._claim, []

    def counted(**asked: Any) -> Any:
        looks.append(asked)
        return claim_now(**asked)

    monkeypatch.setattr(runner_api, "_claim", counted)
    monkeypatch.setattr(waiting_module, "RECHECK_SECONDS", 30)

    def poll(name: str, wait: float) -> int:
        body = {"runner": about(name=name), "wait": wait}
        headers = {"Authorization": f"Bearer {TOKEN}"}
        return requests.post(f"{server}/runner/v1/claim", json=body, headers=headers, timeout=30).status_code

    with ThreadPoolExecutor(41) as threads:
        polls = [threads.submit(poll, f"gpu-{number}", 5) for number in range(40)]
        time.sleep(2)
        started = time.monotonic()
        assert poll("other", 0) == 204
        assert time.monotonic() - started < 1
        assert not any(future.done() for future in polls)
        looks.clear()
        pooled.training()
        time.sleep(1)
        assert len(looks) <= 2, "idle runners all looked for one job"  # SQLite's tail does not know that it is one
        assert sorted(future.result() for future in polls) == [200] + [204] * 39


def test_a_job_claimed_for_a_runner_that_hung_up_is_given_back(pooled: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from axons_service.jobs import runner_api

    claim_now = runner_api._claim

    def slow(**about: Any) -> Any:
        found = claim_now(**about)
        time.sleep(0.5)
        return found

    monkeypatch.setattr(runner_api, "_claim", slow)
    pooled.training()

    async def scenario() -> None:
        runner = await in_background(lambda: Runner.objects.select_related("pool").get(name="r1"))
        polling = asyncio.create_task(
            runner_api.ClaimView()._attempt(runner.pool, runner, about(slots=["training"], batches=False))
        )
        await asyncio.sleep(0.2)
        polling.cancel()
        await asyncio.gather(polling, return_exceptions=True)
        await asyncio.sleep(1)

    asyncio.run(scenario())
    assert Attempt.objects.get().outcome == "released"
    assert Job.objects.get().state == "queued"
