"""Rate limits: whose bucket, how it refills, and that a refused request costs nothing."""

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connections
from django.test import Client

from axons_service.compute.models import Pool
from axons_service.grading.models import Submission
from axons_service.jobs.services.claims import token_hash
from axons_service.operations import rates
from axons_service.operations.models import IdempotentAnswer, RateBucket
from axons_service.operations.problems import Problem
from axons_service.operations.tasks import sweep
from tests.service import builders
from tests.service.builders import Caller, Lms

START = 1_800_000_000.0


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    found = Clock()
    monkeypatch.setattr(rates, "clock", found)
    rates.leases.held.clear()
    yield found
    rates.leases.held.clear()


@pytest.fixture
def limits(settings: Any, clock: Clock) -> Callable[..., None]:
    def switch(**values: str) -> None:
        settings.AXONS_RATE_LIMITS = {**dict.fromkeys(settings.AXONS_RATE_LIMITS, "off"), **values}

    return switch


def allowed(owner: str, tries: int) -> int:
    """How many of so many requests get through."""

    def one() -> bool:
        try:
            rates.rate_check(name="site_write", owner=owner)
        except Problem as problem:
            return problem.problem_code != "rate_limited"
        return True

    return sum(one() for _ in range(tries))


@pytest.mark.django_db
@pytest.mark.parametrize("count", [3, 120, 1000])
def test_a_bucket_gives_what_it_holds_and_refills_evenly(limits: Any, clock: Clock, count: int) -> None:
    limits(site_write=f"{count}/60")
    assert allowed("a", count + 5) == count
    clock.now += 60 / count * 2 + 0.001
    assert allowed("a", 5) == 2
    clock.now += 3600
    assert allowed("a", count + 5) == count


@pytest.mark.django_db
def test_a_clock_that_jumps_back_gives_nothing_away(limits: Any, clock: Clock) -> None:
    limits(site_write="1000/60")
    allowed("a", 1000)
    clock.now -= 30
    assert allowed("a", 50) == 0


@pytest.mark.django_db
def test_tokens_that_a_process_holds_are_the_buckets_own(limits: Any, clock: Clock) -> None:
    """Another process sees them gone; after a second they are nobody's."""
    limits(site_write="1000/1000")
    allowed("a", 1)
    rates.leases.held.clear()  # as in another process
    assert allowed("a", 1000) == 1000 - 20
    clock.now += 1.5
    assert allowed("a", 10) == 1


@pytest.mark.django_db(transaction=True)
def test_many_at_once_take_no_token_twice(limits: Any, clock: Clock) -> None:
    limits(site_write="40/60")
    got: list[int] = []

    def hurry() -> None:
        try:
            got.append(allowed("a", 10))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=hurry) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sum(got) == 40


@pytest.fixture
def learner(course: Lms, anna: Caller) -> Caller:
    builders.project(anna)
    return anna


@pytest.mark.django_db
def test_a_refused_submission_uses_no_try_and_keeps_no_key(learner: Caller, limits: Any, clock: Clock) -> None:
    limits(learner_write="1/60")
    body = {"model": str(builders.model(learner.project()).pk)}
    assert learner.post("/specs/validate", {}).status_code == 403
    assert learner.post("/projects/open", {"spec": builders.spec()}).status_code == 200
    refused = learner.post("/submissions", body, key="k")
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert "no try is lost" in refused.json()["detail"]
    assert refused["Content-Type"] == "application/problem+json"
    assert (refused["Retry-After"], refused["RateLimit-Policy"]) == ("60", '"learner-write";q=1;w=60')
    assert refused["RateLimit"] == '"learner-write";r=0;t=60'
    assert not Submission.objects.exists()
    assert not IdempotentAnswer.objects.exists()
    clock.now += float(refused["Retry-After"])
    assert learner.post("/submissions", body, key="k").status_code == 201


@pytest.mark.django_db
def test_reads_and_writes_learners_and_sites_have_their_own(learner: Caller, ben: Caller, limits: Any) -> None:
    limits(learner_read="2/60")
    path = f"/projects/{learner.project().pk}"
    assert [learner.get(path).status_code for _ in range(3)] == [200, 200, 429]
    assert learner.open().status_code == 200
    assert ben.get(path).status_code == 404
    elsewhere = Caller(builders.lms("other"))
    assert elsewhere.get(path).status_code == 404
    limits(site_read="3/60")
    assert [caller.get(path).status_code for caller in (learner, ben, learner, ben)] == [200, 404, 200, 429]
    assert elsewhere.get(path).status_code == 404


@pytest.mark.django_db
def test_a_browsers_reads_count_as_its_learners(learner: Caller, limits: Any) -> None:
    bundle = learner.open().json()
    headers = {"Authorization": f"Bearer {bundle['read_token']}"}
    limits(learner_read="1/60")
    path = f"/projects/{bundle['project']['id']}"
    assert learner.get(path).status_code == 200
    assert Client().get(f"/api/v1{path}", headers=headers).status_code == 429


@pytest.mark.django_db(transaction=True)
def test_runners_have_their_own_limit(course: Lms, limits: Any) -> None:
    Pool.objects.update(token_sha256=token_hash("pool-token"))
    limits(pool="1/60", learner_write="1/60")
    body = json.dumps({"runner": {"name": "r", "slots": ["training"]}, "wait": 0})
    headers = {"Authorization": "Bearer pool-token"}

    def claim() -> int:
        post = Client().post("/runner/v1/claim", body, content_type="application/json", headers=headers)
        return post.status_code

    assert [claim(), claim()] == [204, 429]


@pytest.mark.django_db
def test_full_buckets_are_forgotten(limits: Any, clock: Clock) -> None:
    limits(site_write="2/60")
    allowed("a", 1)
    clock.now += 100
    allowed("b", 1)
    sweep()
    assert [bucket.key for bucket in RateBucket.objects.all()] == ["site_write:b"]
