"""`GET /metrics`: what an operator is woken for, for the bearer of the token alone."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from axons_service.compute.models import Pool
from axons_service.grading.models import GradeDelivery
from axons_service.jobs.models import Attempt, Job
from axons_service.operations import metrics as module
from tests.service.builders import Caller, Lms
from tests.service.grading.test_submissions import scored

pytestmark = pytest.mark.django_db
TOKEN = "metrics-token"


@pytest.fixture(autouse=True)
def token(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.AXONS_METRICS_TOKEN = TOKEN
    monkeypatch.setattr(module, "_task_letters", lambda: 3)


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
        project=project, spec=project.spec, pool=Pool.objects.get(), kind="training", state=state,
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


def test_a_scrape_makes_the_same_few_queries_for_any_number_of_jobs(
    course: Lms, anna: Caller, django_assert_num_queries: Any
) -> None:
    anna.open()
    for count in (1, 20):
        for _ in range(count):
            job(anna, "queued")
        with django_assert_num_queries(5):
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
