"""A runner in a cloud enrols once, with a token that is of no use to anybody afterwards."""

import hashlib
import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from axons_service.compute.enrolment import LATE, enrolment_token
from axons_service.compute.models import MachineUse, Pool, Runner

NAME = "v100s-0123abcd"
OWN = "a-token-that-the-runner-made-itself"
pytestmark = pytest.mark.django_db(transaction=True)


def sha(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


@pytest.fixture
def runner() -> Runner:
    pool = Pool.objects.create(name="v100s", title="V100S", provider="ovh", token_sha256=sha("pool"))
    return Runner.objects.create(pool=pool, name=NAME)


def post(path: str, body: Any, token: str) -> Any:
    headers = {"Authorization": f"Bearer {token}"}
    return Client().post(f"/runner/v1/{path}", json.dumps(body), content_type="application/json", headers=headers)


def enrol(own: str = OWN, *, name: str = NAME, token: str | None = None) -> Any:
    given = enrolment_token(pool="v100s", runner=NAME) if token is None else token
    return post("enrol", {"name": name, "token_sha256": sha(own)}, given)


def claim(token: str = OWN, name: str = NAME) -> int:
    about = {"name": name, "version": "1", "device": "V100S", "slots": [], "architectures": []}
    return int(post("claim", {"runner": about, "wait": 0}, token).status_code)


def test_a_runner_enrols_and_claims_with_its_own_token(runner: Runner) -> None:
    assert claim() == 401
    answer = enrol()
    assert (answer.status_code, answer.json()) == (200, {"pool": "v100s"})
    assert claim() == 204
    runner.refresh_from_db()
    assert runner.state == "active"
    assert OWN not in str(Runner.objects.values().get())


def test_a_lost_answer_may_be_asked_for_again_and_nobody_else_comes_after(runner: Runner) -> None:
    assert enrol().status_code == 200
    assert enrol().status_code == 200
    second = enrol("of-somebody-who-read-the-jobs-environment")
    assert (second.status_code, second.json()["code"]) == (409, "enrolment_used")
    assert claim("of-somebody-who-read-the-jobs-environment") == 401
    assert claim() == 204


def test_the_enrolment_token_itself_claims_nothing(runner: Runner) -> None:
    token = enrolment_token(pool="v100s", runner=NAME)
    assert claim(token) == 401
    enrol()
    assert claim(token) == 401


def test_a_runners_token_claims_for_no_other_runner(runner: Runner) -> None:
    enrol()
    assert claim(name="v100s-ffffffff") == 401
    assert claim(name="another") == 401
    assert Runner.objects.count() == 1


@pytest.mark.parametrize("token", ["", "wrong", "0" * 64, "é", "pool"])
def test_a_wrong_enrolment_token_is_401(runner: Runner, token: str) -> None:
    answer = enrol(token=token)
    assert (answer.status_code, answer.json()["code"]) == (401, "enrolment_token")


def test_the_token_of_another_runner_or_pool_is_401(runner: Runner) -> None:
    Runner.objects.create(pool=runner.pool, name="v100s-00000002")
    for other in (
        enrolment_token(pool="v100s", runner="v100s-00000002"),
        enrolment_token(pool="a100", runner=NAME),
    ):
        assert enrol(token=other).status_code == 401
    assert enrol(name="nobody-0123abcd").status_code == 401


def test_another_deployment_or_another_secret_makes_other_tokens(runner: Runner, settings: Any) -> None:
    first = enrolment_token(pool="v100s", runner=NAME)
    settings.AXONS_DEPLOYMENT = "other"
    second = enrolment_token(pool="v100s", runner=NAME)
    settings.SECRET_KEY = "x" * 50
    assert len({first, second, enrolment_token(pool="v100s", runner=NAME)}) == 3


def test_a_runner_that_is_gone_late_or_of_a_closed_pool_does_not_enrol(runner: Runner) -> None:
    rows = Runner.objects.filter(pk=runner.pk)
    rows.update(state="gone")
    assert enrol().status_code == 401
    late = timezone.now() - timedelta(seconds=runner.pool.start_timeout_seconds) - LATE
    rows.update(state="starting", created_at=late)
    assert enrol().status_code == 401
    rows.update(created_at=timezone.now())
    Pool.objects.update(is_active=False)
    assert enrol().status_code == 401
    Pool.objects.update(is_active=True)
    assert enrol().status_code == 200
    Pool.objects.update(is_active=False)
    assert claim() == 401


def test_a_runners_token_dies_with_its_machine(runner: Runner) -> None:
    """One that was wrongly taken for gone comes back, as long as the provider has its machine."""
    enrol()
    use = MachineUse.objects.create(
        pool=runner.pool, runner_name=NAME, handle={}, handle_sha256="0" * 64, price_per_hour=1, currency="EUR"
    )
    Runner.objects.update(state="gone")
    assert claim() == 204
    assert Runner.objects.get().state == "active"
    Runner.objects.update(state="gone")
    MachineUse.objects.filter(pk=use.pk).update(is_closed=True)
    assert claim() == 401


@pytest.mark.parametrize(
    "body", [{}, {"name": NAME}, {"name": NAME, "token_sha256": "short"}, {"name": "a b", "token_sha256": "0" * 64}, []]
)
def test_a_body_that_is_none_is_400(runner: Runner, body: Any) -> None:
    assert post("enrol", body, enrolment_token(pool="v100s", runner=NAME)).status_code == 400
