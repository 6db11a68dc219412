"""What compute cost: every line adds up to the bill, and nobody sees whose it is who should not."""

import csv
import io
import uuid
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from axons_service.compute.cost_report import CostLine, cost_lines
from axons_service.compute.costs import Period, pool_spent
from axons_service.compute.models import MachineUse, Pool, Runner
from axons_service.exercises.models import Project
from axons_service.jobs.models import Attempt, Job
from tests.service import builders
from tests.service.builders import Caller

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
THURSDAY = Period(date(2026, 11, 26), date(2026, 11, 26))
BOTH = Period(date(2026, 11, 26), date(2026, 11, 27))


@pytest.fixture
def anna(course: builders.Lms) -> Project:
    Pool.objects.filter(name="cpu").update(provider="ovh", price_per_hour=2, billing_unit_seconds=60)
    return builders.project(Caller(course))


def machine(since: datetime, minutes: float, *, name: str = "m", price: int = 6) -> Runner:
    pool = Pool.objects.get(name="cpu")
    MachineUse.objects.create(
        pool=pool, runner_name=name, handle={}, handle_sha256=name, price_per_hour=price, currency="EUR",
        billed_from=since, billed_until=since + timedelta(minutes=minutes), is_closed=True,
    )  # fmt: skip
    return Runner.objects.create(pool=pool, name=name, state="gone")


def work(
    project: Project, runner: Runner, since: datetime, minutes: float, kind: str = "training", **changes: Any
) -> Job:
    job = Job.objects.create(
        project=project, spec=project.spec, pool=runner.pool, kind=kind, state="succeeded",
        idempotency_key=uuid.uuid4().hex, request_sha256="0" * 64, time_limit_seconds=60,
    )  # fmt: skip
    attempt = Attempt.objects.create(
        job=job, number=1, runner=runner, token_sha256="", lease_expires_at=since, outcome="succeeded"
    )
    Attempt.objects.filter(pk=attempt.pk).update(
        started_at=since, ended_at=since + timedelta(minutes=minutes), **changes
    )
    return job


def summed(lines: list[CostLine]) -> Decimal:
    return sum((line.cost for line in lines), Decimal(0))


@pytest.mark.parametrize("by", ["job", "learner", "course", "pool", "day"])
def test_the_lines_of_every_report_add_up_to_the_bill(anna: Project, course: builders.Lms, by: str) -> None:
    ben = builders.project(Caller(course, learner="ben"))
    runner = machine(NOON, 60)
    work(anna, runner, NOON + timedelta(minutes=5), 10)
    work(ben, runner, NOON + timedelta(minutes=20), 25)
    lines = cost_lines(by=by, period=THURSDAY)
    assert summed(lines) == Decimal("6.0000")
    assert sum(line.minutes for line in lines) == pytest.approx(35)
    (idle,) = (line for line in lines if not line.owner.site)
    assert idle.cost == Decimal("2.5000")


def test_a_learner_pays_for_their_own_time_at_the_price_of_the_machine(anna: Project, course: builders.Lms) -> None:
    ben = builders.project(Caller(course, learner="ben"))
    dear, cheap = machine(NOON, 60), machine(NOON, 60, name="n", price=1)
    work(anna, dear, NOON, 30)
    work(ben, cheap, NOON, 30)
    by_learner = {line.owner.learner: (line.minutes, line.cost) for line in cost_lines(by="learner", period=THURSDAY)}
    assert by_learner["anna"] == (30, Decimal("3.0000"))
    assert by_learner["ben"] == (30, Decimal("0.5000"))


def test_an_inference_has_no_cost_of_its_own_and_a_lost_attempt_has(anna: Project) -> None:
    runner = machine(NOON, 60)
    work(anna, runner, NOON, 1, kind="inference")
    lost = work(anna, runner, NOON, 6, outcome="lost")
    lines = [line for line in cost_lines(by="job", period=THURSDAY) if line.owner.site]
    assert [(line.owner.job, line.cost) for line in lines] == [(str(lost.pk), Decimal("0.6000"))]


def test_work_over_midnight_belongs_to_both_days(anna: Project) -> None:
    late = datetime(2026, 11, 26, 23, 50, tzinfo=UTC)
    work(anna, machine(late, 30), late, 30)
    days = {line.owner.day: line.cost for line in cost_lines(by="day", period=BOTH)}
    assert days == {date(2026, 11, 26): Decimal("1.0000"), date(2026, 11, 27): Decimal("2.0000")}
    assert summed(cost_lines(by="course", period=THURSDAY)) == Decimal("1.0000")


def test_a_begun_unit_is_paid_whole_and_an_open_bill_grows(anna: Project) -> None:
    machine(NOON, 10.5)
    assert summed(cost_lines(by="pool", period=THURSDAY)) == Decimal("1.1000")
    MachineUse.objects.update(billed_until=None, is_closed=False)
    pool = Pool.objects.get(name="cpu")
    spent = [pool_spent(pool, NOON + timedelta(minutes=minutes)) for minutes in (0, 10, 20)]
    assert spent == [0.0, pytest.approx(1.0), pytest.approx(2.0)]


def test_a_report_of_one_site_has_nothing_of_another(anna: Project) -> None:
    runner = machine(NOON, 60)
    work(anna, runner, NOON, 30)
    elsewhere = builders.lms("elsewhere")
    work(builders.project(Caller(elsewhere)), runner, NOON + timedelta(minutes=30), 10)
    (line,) = cost_lines(by="learner", period=THURSDAY, site=elsewhere.site)
    assert (line.owner.site, line.cost) == ("elsewhere", Decimal("1.0000"))
    assert cost_lines(by="learner", period=THURSDAY, course="course-v1:No+Such+Run") == []


def test_the_cost_of_a_report_does_not_grow_in_queries(anna: Project, django_assert_num_queries: Any) -> None:
    runner = machine(NOON, 60)
    for count in (1, 20):
        for _ in range(count):
            work(anna, runner, NOON, 1)
        with django_assert_num_queries(4):
            cost_lines(by="job", period=THURSDAY)


def report(*arguments: str) -> list[dict[str, str]]:
    out = io.StringIO()
    call_command("cost_report", "--from", "2026-11-26", "--to", "2026-11-26", *arguments, stdout=out)
    return list(csv.DictReader(io.StringIO(out.getvalue())))


def test_the_command_writes_csv(anna: Project) -> None:
    work(anna, machine(NOON, 60), NOON, 30)
    (line, idle) = sorted(report("--by", "learner"), key=lambda row: row["site"], reverse=True)
    assert (line["site"], line["course"], line["learner"]) == ("campus", builders.COURSE, "anna")
    assert (line["gpu_minutes"], line["cost"], line["currency"]) == ("30.00", "3.0000", "EUR")
    assert (idle["site"], idle["cost"]) == ("", "3.0000")
    assert report("--site", "campus")[0]["cost"] == "3.0000"
    with pytest.raises(CommandError, match="no site named nowhere"):
        report("--site", "nowhere")
    with pytest.raises(CommandError, match="is after the last day"):
        call_command("cost_report", "--from", "2026-11-27", "--to", "2026-11-26")


def operator(*permissions: str) -> Client:
    user = User.objects.create_user("op", password="op", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


def test_the_page_shows_what_it_cost_and_no_learner(anna: Project) -> None:
    work(anna, machine(NOON, 60), NOON, 30)
    client = operator("view_machineuse")
    address = reverse("admin:axons_compute_costs")
    for by in ("course", "pool", "day", "job", "learner", "<b>"):
        page = client.get(address, {"from": "2026-11-26", "to": "2026-11-26", "by": by})
        assert page.status_code == 200
        assert "3.0000" in page.content.decode()
        assert "anna" not in page.content.decode()
    file = client.get(address, {"from": "2026-11-26", "to": "2026-11-26", "format": "csv"})
    assert file["Content-Type"].startswith("text/csv")
    assert "3.0000" in file.content.decode()
    assert "anna" not in file.content.decode()
    assert address in client.get(reverse("admin:axons_compute_machineuse_changelist")).content.decode()


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"from": "yesterday"}, "Days are written like"),
        ({"from": "2026-11-27", "to": "2026-11-26"}, "not after the last one"),
        ({"from": "0001-01-01", "to": "2026-11-26"}, "366 days at most"),
    ],
)
def test_a_period_that_makes_no_sense_is_told(anna: Project, query: dict[str, str], words: str) -> None:
    page = operator("view_machineuse").get(reverse("admin:axons_compute_costs"), {**query, "format": "csv"})
    assert page.status_code == 200
    assert words in page.content.decode()


def test_costs_are_for_those_who_may_see_bills(anna: Project) -> None:
    assert operator("view_pool").get(reverse("admin:axons_compute_costs")).status_code == 403
    assert Client().get(reverse("admin:axons_compute_costs")).status_code == 302
