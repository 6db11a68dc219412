"""OVHcloud's bad days: what was asked for is found again, and what is paid for is known to the second."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from axons_service.compute import faults, fleet
from axons_service.compute.enrolment import enrolment_token
from axons_service.compute.models import MachineUse, Pool, Runner
from axons_service.compute.providers.base import NoCapacity, ProviderError, Rejected, Status
from axons_service.compute.services import pool_scale, runner_seen, runner_stop
from axons_service.compute.usage import billed_seconds
from tests.conformance.benches import OvhBench
from tests.conformance.ovh_cloud import Fault


@pytest.fixture
def pool(ovh: OvhBench, db: None, monkeypatch: pytest.MonkeyPatch) -> Pool:
    """Two warm machines wanted, and the service's clock is the cloud's."""
    pool = ovh.pool()
    pool.min_runners = pool.max_runners = 2
    pool.billing_unit_seconds = 60
    pool.price_per_hour = "1.80"
    pool.save()
    monkeypatch.setattr("django.utils.timezone.now", lambda: ovh.cloud.now)
    return pool


def alive(pool: Pool) -> list[Runner]:
    return list(pool.runners.filter(state__in=["starting", "active"]).order_by("pk"))


def scale(pool: Pool, ovh: OvhBench, seconds: float = 10) -> None:
    """Time goes by and beat comes round; runners on machines that run claim."""
    ovh.cloud.forward(seconds)
    pool_scale(pool_id=pool.pk)
    running = {job.id for job in ovh.cloud.living() if job.state == "RUNNING"}
    for runner in alive(pool):
        if runner.handle.get("id") in running:
            runner_seen(pool=pool, name=runner.name, version="1", device="V100S")


def accounted(pool: Pool, ovh: OvhBench) -> int:
    return sum(billed_seconds(use, unit=60, now=ovh.cloud.now) for use in MachineUse.objects.filter(pool=pool))


def test_a_lost_answer_is_found_again_instead_of_paid_twice(ovh: OvhBench, pool: Pool) -> None:
    ovh.cloud.faults = [Fault(after=True, method="POST"), Fault(504, after=True, method="POST")]
    for _ in range(6):
        scale(pool, ovh)
    assert len(ovh.cloud.jobs) == 2
    assert {runner.handle["id"] for runner in alive(pool)} == set(ovh.cloud.jobs)


def test_a_second_machine_under_one_name_is_stopped_and_paid(ovh: OvhBench, pool: Pool) -> None:
    """The lookup before a start was wrong once: the cloud answered late."""
    scale(pool, ovh)
    runner = alive(pool)[0]
    spec = next(job.spec for job in ovh.cloud.jobs.values() if job.spec["labels"]["axons-runner"] == runner.name)
    ovh.cloud._create(dict(spec))
    for _ in range(9):
        scale(pool, ovh)
    assert len(ovh.cloud.jobs) == 3
    assert len(ovh.cloud.living()) == 2
    assert accounted(pool, ovh) == ovh.cloud.billed_seconds()


def test_a_lost_machine_that_died_unseen_is_paid_and_not_started_again_under_its_name(
    ovh: OvhBench, pool: Pool
) -> None:
    """The answer to its start was lost, the cloud could not be asked while it ran, and then it was taken away."""
    Pool.objects.update(min_runners=1, max_runners=1)
    ovh.cloud.faults = [Fault(after=True, method="POST")]
    scale(pool, ovh)
    ovh.cloud.faults = [Fault(503, method="GET")] * 4
    for _ in range(4):
        scale(pool, ovh)
    (lost,) = ovh.cloud.jobs.values()
    assert lost.state == "RUNNING"
    ovh.cloud.end(lost.id, "INTERRUPTED")
    for _ in range(6):
        scale(pool, ovh)
    names = [job.spec["labels"]["axons-runner"] for job in ovh.cloud.jobs.values()]
    assert len(names) == len(set(names)) == 2
    assert len(ovh.cloud.living()) == len(alive(pool)) == 1
    assert accounted(pool, ovh) == ovh.cloud.billed_seconds()


def test_a_second_machine_under_one_name_that_died_unseen_is_paid(ovh: OvhBench, pool: Pool) -> None:
    """A start that arrived twice, and a cloud that could not be asked while both machines ran."""
    Pool.objects.update(min_runners=1, max_runners=1)
    scale(pool, ovh)
    (first,) = ovh.cloud.jobs.values()
    second, _ = ovh.cloud._create(dict(first.spec))
    assert second == 200
    ovh.cloud.faults = [Fault(503, method="GET")] * 4
    for _ in range(4):
        scale(pool, ovh)
    assert [job.state for job in ovh.cloud.jobs.values()] == ["RUNNING", "RUNNING"]
    for job_id in list(ovh.cloud.jobs):
        ovh.cloud.end(job_id, "INTERRUPTED")
    ovh.cloud.faults = [Fault(503, method="GET")]
    for _ in range(6):
        scale(pool, ovh)
    assert {use.handle["id"] for use in MachineUse.objects.all()} == set(ovh.cloud.jobs)
    assert accounted(pool, ovh) == ovh.cloud.billed_seconds()


def test_a_machine_that_nobody_knows_is_stopped(ovh: OvhBench, pool: Pool) -> None:
    scale(pool, ovh)
    Runner.objects.filter(pk=alive(pool)[0].pk).delete()
    for _ in range(int(fleet.UNKNOWN_GRACE.total_seconds() // 10)):
        scale(pool, ovh)
        assert all(job.killed_at is None for job in ovh.cloud.jobs.values())  # a grace
    for _ in range(3):
        scale(pool, ovh)
    assert len(ovh.cloud.living()) == 2
    assert len(ovh.cloud.jobs) == 3
    assert accounted(pool, ovh) == ovh.cloud.billed_seconds()


def test_a_machine_that_was_taken_for_gone_is_kept_when_its_runner_claims(ovh: OvhBench, pool: Pool) -> None:
    """The cloud's list lacked it once."""
    for _ in range(4):
        scale(pool, ovh)
    runner = alive(pool)[0]
    Pool.objects.update(max_runners=1, min_runners=1)
    Runner.objects.filter(pk=runner.pk).update(state="gone")
    scale(pool, ovh)
    runner_seen(pool=pool, name=runner.name, version="1", device="V100S")
    for _ in range(12):
        scale(pool, ovh)
    assert ovh.cloud.jobs[runner.handle["id"]].killed_at is None
    assert not MachineUse.objects.filter(unknown_since__isnull=False).exists()


def test_a_machine_of_another_deployment_is_neither_stopped_nor_paid(ovh: OvhBench, pool: Pool, settings: Any) -> None:
    """Its pool has our pool's name."""
    settings.AXONS_DEPLOYMENT = "other"
    theirs = ovh.provider().start("gpu-0000000a")["id"]
    settings.AXONS_DEPLOYMENT = "ours"
    for _ in range(12):
        scale(pool, ovh)
    assert ovh.cloud.jobs[theirs].killed_at is None
    assert theirs not in {use.handle["id"] for use in MachineUse.objects.all()}


def test_a_machine_of_somebody_else_is_left_alone(ovh: OvhBench, pool: Pool) -> None:
    labels = {"axons-deployment": "ours", "axons-pool": "gpu", "axons-runner": "handmade"}
    ovh.cloud._create({"image": "x", "labels": labels, "name": "x"})
    for _ in range(12):
        scale(pool, ovh)
    assert all(job.killed_at is None for job in ovh.cloud.jobs.values())


def test_an_outage_kills_nobody(ovh: OvhBench, pool: Pool) -> None:
    for _ in range(3):
        scale(pool, ovh)
    before = [runner.pk for runner in alive(pool)]
    ovh.cloud.faults = [Fault(503), Fault(500), Fault(429, headers={"Retry-After": "10"}), Fault()]
    for _ in range(4):
        scale(pool, ovh)
    assert ovh.cloud.faults == []
    assert [runner.pk for runner in alive(pool)] == before
    assert len(ovh.cloud.jobs) == 2


def test_the_cloud_is_left_alone_for_as_long_as_it_asks(ovh: OvhBench, pool: Pool) -> None:
    """Whatever it was asked when it said so: nothing follows until then, and what was asked for comes after."""
    ovh.cloud.faults = [Fault(429, headers={"Retry-After": "120"}, method="POST")]
    scale(pool, ovh)
    pool.refresh_from_db()
    assert pool.quiet_until == pool.blocked_until == ovh.cloud.now + timedelta(seconds=120)
    assert "429" in pool.provider_error
    asked = list(ovh.cloud.requests)
    assert [method for method, _ in asked].count("POST") == 1  # the second machine was not asked for
    for _ in range(11):
        scale(pool, ovh)
    assert ovh.cloud.requests == asked
    for _ in range(5):
        scale(pool, ovh)
    assert len(alive(pool)) == len(ovh.cloud.living()) == len(ovh.cloud.jobs) == 2


@pytest.mark.parametrize("path", ["/v1/job", "/v1/job/"])
def test_no_call_follows_when_the_cloud_asks_for_quiet(ovh: OvhBench, pool: Pool, path: str) -> None:
    """To the list of machines, and to the question after one that ended."""
    for _ in range(4):
        scale(pool, ovh)
    for job_id in list(ovh.cloud.jobs):
        ovh.cloud.end(job_id, "INTERRUPTED")
    fault = Fault(429, headers={"Retry-After": "60"}, method="GET")
    ovh.cloud.faults = [fault] if path == "/v1/job" else []
    ovh.cloud.fault_on_one = None if path == "/v1/job" else fault
    scale(pool, ovh)
    asked = list(ovh.cloud.requests)
    assert asked[-1][1].startswith(path)
    for _ in range(5):
        scale(pool, ovh)
    assert ovh.cloud.requests == asked
    for _ in range(8):
        scale(pool, ovh)
    assert len(alive(pool)) == len(ovh.cloud.living()) == 2
    assert accounted(pool, ovh) == ovh.cloud.billed_seconds()


def test_no_call_follows_a_stop_that_was_answered_with_a_wait(ovh: OvhBench, pool: Pool) -> None:
    for _ in range(4):
        scale(pool, ovh)
    Pool.objects.update(min_runners=0, idle_seconds=60)
    Runner.objects.update(busy_at=None, created_at=ovh.cloud.now - timedelta(hours=1))
    ovh.cloud.faults = [Fault(429, headers={"Retry-After": "60"}, method="PUT")]
    scale(pool, ovh)
    asked = list(ovh.cloud.requests)
    assert [method for method, _ in asked].count("PUT") == 1
    running = alive(pool)
    for runner in running:
        runner_stop(runner_id=runner.pk)
    for _ in range(5):
        scale(pool, ovh)
    assert ovh.cloud.requests == asked
    for _ in range(8):
        scale(pool, ovh)
    assert ovh.cloud.living() == []
    assert accounted(pool, ovh) == ovh.cloud.billed_seconds()


def test_after_a_refusal_no_other_machine_is_asked_for(ovh: OvhBench, pool: Pool) -> None:
    ovh.cloud.faults = [Fault(400, method="POST")]
    scale(pool, ovh)
    assert [method for method, _ in ovh.cloud.requests].count("POST") == 1
    assert alive(pool) == []  # and none counts as one on its way


def test_after_an_error_the_next_machine_waits_for_the_next_round(ovh: OvhBench, pool: Pool) -> None:
    """Nobody knows what became of the first: it is asked for again, and then the other one."""
    ovh.cloud.faults = [Fault(503, method="POST")]
    scale(pool, ovh)
    assert [method for method, _ in ovh.cloud.requests].count("POST") == 1
    scale(pool, ovh)
    assert len(alive(pool)) == len(ovh.cloud.jobs) == 2


def test_a_short_pause_does_not_end_a_longer_one(ovh: OvhBench, pool: Pool) -> None:
    ovh.cloud.faults = [Fault(403, method="POST")]
    scale(pool, ovh)
    until = ovh.cloud.now + faults.REJECTED_PAUSE
    ovh.cloud.faults = [Fault(503, method="GET")]
    scale(pool, ovh)
    pool.refresh_from_db()
    assert pool.blocked_until == until


def test_a_full_quota_is_asked_again_after_a_pause(ovh: OvhBench, pool: Pool) -> None:
    ovh.cloud.quota = 1
    scale(pool, ovh)
    asked = len([call for call in ovh.cloud.requests if call[0] == "POST"])
    scale(pool, ovh)
    assert len([call for call in ovh.cloud.requests if call[0] == "POST"]) == asked
    pool.refresh_from_db()
    assert "Quota exceeded" in pool.provider_error
    ovh.cloud.quota = 4
    for _ in range(8):
        scale(pool, ovh)
    assert len(alive(pool)) == len(ovh.cloud.living()) == 2
    pool.refresh_from_db()
    assert pool.provider_error == ""


def test_a_slow_start_is_waited_for(ovh: OvhBench, pool: Pool) -> None:
    ovh.cloud.next_never_starts = True
    scale(pool, ovh)
    first = alive(pool)
    for _ in range(30):
        scale(pool, ovh, seconds=20)
    assert [runner.pk for runner in alive(pool)] == [runner.pk for runner in first]


def test_a_machine_that_never_starts_is_given_back(ovh: OvhBench, pool: Pool) -> None:
    ovh.cloud.next_never_starts = True
    for _ in range(60):
        scale(pool, ovh, seconds=20)
    states = sorted(job.state for job in ovh.cloud.jobs.values())
    assert states == ["INTERRUPTED", "RUNNING", "RUNNING"]
    assert len(alive(pool)) == 2
    assert accounted(pool, ovh) == ovh.cloud.billed_seconds()


def test_an_interrupted_machine_is_replaced_and_its_minutes_counted(ovh: OvhBench, pool: Pool) -> None:
    for _ in range(4):
        scale(pool, ovh)
    ovh.cloud.end(next(iter(ovh.cloud.jobs)), "INTERRUPTED")
    for _ in range(4):
        scale(pool, ovh)
    assert len(alive(pool)) == len(ovh.cloud.living()) == 2
    assert len(ovh.cloud.jobs) == 3
    assert accounted(pool, ovh) == ovh.cloud.billed_seconds()


def test_a_busy_answer_to_a_stop_is_asked_again(ovh: OvhBench, pool: Pool) -> None:
    for _ in range(4):
        scale(pool, ovh)
    Pool.objects.update(min_runners=0, idle_seconds=60)
    ovh.cloud.faults = [Fault(409, method="PUT")]
    for _ in range(20):
        scale(pool, ovh)
    assert ovh.cloud.living() == []
    assert alive(pool) == []
    assert accounted(pool, ovh) == ovh.cloud.billed_seconds()
    assert not MachineUse.objects.filter(is_closed=False).exists()


@pytest.mark.parametrize("status", [400, 401, 402, 403])
def test_a_refusal_names_its_reason_and_is_not_hammered(ovh: OvhBench, pool: Pool, status: int) -> None:
    ovh.cloud.faults = [Fault(status, method="POST")] * 2
    scale(pool, ovh)
    pool.refresh_from_db()
    assert pool.provider_error
    assert pool.blocked_until == ovh.cloud.now + faults.REJECTED_PAUSE


def test_errors_of_a_start_are_told_apart(ovh: OvhBench) -> None:
    provider = ovh.provider()
    for fault, expected in (
        (Fault(500, method="POST"), ProviderError),
        (Fault(method="POST"), ProviderError),
        (Fault(401, method="POST"), Rejected),
    ):
        ovh.cloud.faults = [fault]
        with pytest.raises(ProviderError) as raised:
            provider.start("gpu-00000001")
        assert type(raised.value) is expected
    ovh.cloud.quota = 0
    with pytest.raises(NoCapacity):
        provider.start("gpu-00000001")


def test_more_machines_than_a_page_are_all_seen(ovh: OvhBench) -> None:
    ovh.cloud.quota = 1000
    provider = ovh.provider()
    for number in range(205):
        labels = {"axons-deployment": "ours", "axons-pool": "gpu", "axons-runner": f"r{number}"}
        ovh.cloud._create({"image": "x", "name": "x", "labels": labels})
    assert len(provider.machines()) == 205


def test_an_unknown_state_counts_as_alive(ovh: OvhBench) -> None:
    provider = ovh.provider()
    handle = provider.start("gpu-00000001")
    ovh.cloud.end(handle["id"], "HIBERNATING")
    assert provider.poll(handle) is Status.ALIVE


def test_what_a_machine_carries_is_no_token_of_the_pool(ovh: OvhBench) -> None:
    """Whoever may look at the project reads it."""
    provider = ovh.provider()
    names = ("gpu-00000001", "gpu-00000002")
    for name in names:
        provider.start(name)
    carried = [{item["name"]: item["value"] for item in job.spec["envVars"]} for job in ovh.cloud.jobs.values()]
    assert all(set(each) == {"AXONS_SERVICE_URL", "AXONS_RUNNER_NAME", "AXONS_ENROLMENT_TOKEN"} for each in carried)
    tokens = [each["AXONS_ENROLMENT_TOKEN"] for each in carried]
    assert tokens == [enrolment_token(pool="gpu", runner=name) for name in names]
    assert len(set(tokens)) == 2


def test_secrets_are_read_when_needed_and_shown_nowhere(ovh: OvhBench) -> None:
    (ovh.folder / "application-token").unlink()
    with pytest.raises(Rejected, match="cannot be read"):
        ovh.provider().machines()
    (ovh.folder / "application-token").write_text("wrong")
    with pytest.raises(Rejected, match="application token") as raised:
        ovh.provider().machines()
    assert "wrong" not in str(raised.value)


@pytest.mark.django_db
def test_random_bad_days_lose_nothing_and_account_for_every_second(ovh: OvhBench, pool: Pool) -> None:
    """Two hours of random faults, deaths and changing demand, five seeds; the cloud's count equals ours."""
    import random

    for seed in range(5):
        rng = random.Random(seed)
        for _ in range(120):
            if rng.random() < 0.3:
                kind: dict[str, Any] = rng.choice(
                    [
                        {"status": 503},
                        {"status": 429},
                        {"after": True, "method": "POST"},
                        {},
                        {"status": 500, "after": True},
                    ]
                )
                ovh.cloud.faults.append(Fault(**kind))
            if rng.random() < 0.1:
                Pool.objects.update(min_runners=rng.randint(0, 2), idle_seconds=60)
            running = [job for job in ovh.cloud.living() if job.state == "RUNNING"]
            if running and rng.random() < 0.05:
                ovh.cloud.end(rng.choice(running).id, rng.choice(["INTERRUPTED", "FAILED", "DONE"]))
            ovh.cloud.next_never_starts = rng.random() < 0.02
            scale(pool, ovh, seconds=rng.uniform(5, 40))
    ovh.cloud.faults.clear()
    Pool.objects.update(min_runners=0, idle_seconds=60, blocked_until=None, quiet_until=None)
    for _ in range(60):
        scale(pool, ovh, seconds=30)
    assert ovh.cloud.living() == []
    assert not MachineUse.objects.filter(is_closed=False).exists()
    assert {use.handle["id"] for use in MachineUse.objects.all()} == set(ovh.cloud.jobs)
    assert accounted(pool, ovh) == ovh.cloud.billed_seconds() > 0
    assert timezone.now() == ovh.cloud.now
