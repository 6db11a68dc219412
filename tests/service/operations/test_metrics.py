"""`GET /metrics`: what an operator is woken for, for the bearer of the token alone."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from kombu.connection import Connection
from prometheus_client.parser import text_string_to_metric_families

from axons_service.compute.faults import provider_fault_count
from axons_service.compute.models import MachineUse, Pool, Runner
from axons_service.compute.providers.base import NoCapacity, ProviderError, Rejected
from axons_service.grading.models import GradeDelivery
from axons_service.jobs.models import Attempt, Job
from axons_service.operations import metrics as module
from axons_service.operations.dead_letters import queue_depths
from tests.service.builders import Caller, Lms
from tests.service.grading.test_submissions import scored

pytestmark = pytest.mark.django_db
TOKEN = "metrics-token"


@pytest.fixture(autouse=True)
def token(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.AXONS_METRICS_TOKEN = TOKEN
    monkeypatch.setattr(module, "_task_letters", lambda: 3)
    monkeypatch.setattr(module, "_queue_depths", lambda: {"prepare": 7})


def get(token: str = TOKEN) -> Any:
    return Client().get("/metrics", headers={"Authorization": f"Bearer {token}"})


def figures() -> dict[str, float]:
    """Every sample by its name and labels."""
    answer = get()
    assert answer.status_code == 200
    families = text_string_to_metric_families(answer.content.decode())
    samples = (sample for family in families for sample in family.samples)
    return {sample.name + "".join(f"[{value}]" for value in sample.labels.values()): sample.value for sample in samples}


def job(owner: Caller, state: str, **changes: Any) -> Job:
    project = owner.project()
    new = Job.objects.create(
        project=project, spec=project.spec, pool=Pool.objects.get(name="cpu"), kind="training", state=state,
        idempotency_key=str(Job.objects.count()), request_sha256="0" * 64, time_limit_seconds=60,
    )  # fmt: skip
    Job.objects.filter(pk=new.pk).update(**changes)
    return new


@pytest.mark.parametrize("wrong", ["", "other", "metrics-token-and-more"])
def test_without_the_token_there_is_nothing_to_read(db: None, wrong: str) -> None:
    answer = get(wrong)
    assert (answer.status_code, answer.json()["code"]) == (401, "metrics_token")


def test_an_operator_who_set_no_token_has_no_metrics(db: None, settings: Any) -> None:
    settings.AXONS_METRICS_TOKEN = ""
    assert get("").status_code == 404


def test_a_service_without_work_says_zero(db: None) -> None:
    assert figures() == {
        "axons_dead_letters[grade]": 0,
        "axons_dead_letters[task]": 3,
        "axons_jobs[dispatched]": 0,
        "axons_jobs[finishing]": 0,
        "axons_jobs[preparing]": 0,
        "axons_jobs[queued]": 0,
        "axons_jobs[running]": 0,
        "axons_lease_expiries_total": 0,
        "axons_oldest_queued_age_seconds": 0,
        "axons_grade_delivery_lag_seconds": 0,
        "axons_queue_messages[prepare]": 7,
    }


def test_the_figures_are_those_of_the_database(course: Lms, anna: Caller) -> None:
    anna.open()
    now = timezone.now()
    job(anna, "queued", created_at=now - timedelta(seconds=40))
    job(anna, "dispatched", created_at=now - timedelta(hours=9), waiting_since=now - timedelta(seconds=70))
    lost = job(anna, "running")
    for number, outcome in enumerate(["lost", "lost", "released"], start=1):
        Attempt.objects.create(
            job=lost, number=number, token_sha256="", lease_expires_at=now, outcome=outcome, ended_at=now
        )
    scored(anna, 0.6, key="k")
    Job.objects.filter(kind="evaluation").update(state="succeeded")
    GradeDelivery.objects.update(created_at=now - timedelta(seconds=90))
    seen = figures()
    assert (seen["axons_jobs[queued]"], seen["axons_jobs[dispatched]"], seen["axons_jobs[running]"]) == (1, 1, 1)
    assert seen["axons_lease_expiries_total"] == 2
    assert 70 <= seen["axons_oldest_queued_age_seconds"] < 100
    assert 90 <= seen["axons_grade_delivery_lag_seconds"] < 120
    GradeDelivery.objects.update(state="dead")
    assert figures()["axons_dead_letters[grade]"] == 1


def test_a_pool_tells_its_machines_who_waits_and_what_the_day_costs(
    course: Lms, anna: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna.open()
    noon = timezone.now().replace(hour=12, minute=0, second=0, microsecond=0)
    monkeypatch.setattr(timezone, "now", lambda: noon)
    Pool.objects.update(desired_runners=4, max_runners=6, budget_per_day=5, blocked_until=noon + timedelta(minutes=1))
    pool = Pool.objects.get()
    runners = [
        Runner.objects.create(pool=pool, name=f"r{number}", state=state)
        for number, state in enumerate(["starting", "active", "active", "gone"])
    ]
    held = job(anna, "running")
    for number in (1, 2):
        Attempt.objects.create(
            job=held if number == 1 else job(anna, "running"), number=1, token_sha256="", lease_expires_at=noon,
            runner=runners[1],
        )  # fmt: skip
    job(anna, "queued", created_at=noon - timedelta(seconds=40))
    job(anna, "dispatched", created_at=noon - timedelta(seconds=90))
    for hours, until in ((13.0, noon - timedelta(hours=11)), (0.5, None)):
        MachineUse.objects.create(
            pool=pool, runner_name="r", handle={}, handle_sha256=str(hours), price_per_hour=2, currency="EUR",
            billed_from=noon - timedelta(hours=hours), billed_until=until, is_closed=until is not None,
        )  # fmt: skip
    for error in (NoCapacity("none"), NoCapacity("none"), Rejected("no"), ProviderError("away"), KeyError("ours")):
        provider_fault_count(pool_id=pool.pk, error=error)
    seen = figures()
    assert [seen[f"axons_pool_machines[cpu][{state}]"] for state in ("starting", "active", "stopping")] == [1, 2, 0]
    assert seen["axons_pool_busy_machines[cpu]"] == 1
    assert (seen["axons_pool_desired_machines[cpu]"], seen["axons_pool_most_machines[cpu]"]) == (4, 6)
    assert seen["axons_pool_blocked[cpu]"] == 1
    assert (seen["axons_pool_jobs_waiting[training][cpu]"], seen["axons_pool_jobs_waiting[inference][cpu]"]) == (2, 0)
    assert seen["axons_pool_wait_seconds[cpu]"] == 90
    kinds = ("no_capacity", "rejected", "unreachable", "defect")
    assert [seen[f"axons_provider_errors_total[{kind}][cpu]"] for kind in kinds] == [2, 1, 1, 1]
    # of the first machine only the hour after midnight, of the second half an hour so far
    assert seen["axons_pool_machine_minutes_today[cpu]"] == 90
    assert (seen["axons_pool_cost_today[EUR][cpu]"], seen["axons_pool_budget_per_day[EUR][cpu]"]) == (3, 5)


def test_a_queue_is_as_long_as_what_waits_in_it_and_one_that_is_not_there_is_empty(settings: Any) -> None:
    from celery import current_app

    with Connection(current_app.conf.broker_url) as connection, connection.channel() as channel:
        channel.queue_delete(queue="prepare")
        before = queue_depths()
        channel.queue_declare(queue="prepare")
        message = channel.prepare_message("{}", content_type="application/json", content_encoding="utf-8")
        channel.basic_publish({**message, "properties": {**message["properties"]}}, "", "prepare")
        assert (before["prepare"], queue_depths()["prepare"]) == (0, 1)
        channel.queue_purge(queue="prepare")


def test_a_scrape_makes_the_same_few_queries_for_any_number_of_jobs(
    course: Lms, anna: Caller, django_assert_num_queries: Any
) -> None:
    anna.open()
    for count in (1, 20):
        for number in range(count):
            job(anna, "queued")
            pool = Pool.objects.create(name=f"p{count}-{number}", title="", provider="static", token_sha256="")
            Runner.objects.create(pool=pool, name="r", state="active")
            MachineUse.objects.create(
                pool=pool, runner_name="r", handle={}, handle_sha256=str(number), price_per_hour=1, currency="EUR",
                billed_from=timezone.now(),
            )  # fmt: skip
        with django_assert_num_queries(11):
            get()


def test_a_broker_that_does_not_answer_leaves_the_other_figures_and_is_asked_seldom(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def away() -> int:
        asked.append(1)
        raise ConnectionError("no broker")

    monkeypatch.setattr(module, "_task_letters", module._Remembered(away))
    for _ in range(3):
        seen = figures()
        assert "axons_dead_letters[task]" not in seen
        assert seen["axons_dead_letters[grade]"] == 0
    assert len(asked) == 1
