"""Every live state has a deadline, and one place that looks at all of them."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from axons_service.jobs.models import Attempt, Job
from axons_service.jobs.services import job_cancel, job_dispatch
from axons_service.jobs.services import reconcile as module
from axons_service.jobs.services.reconcile import jobs_reconcile
from tests.service.jobs.conftest import World


def ago(**age: Any) -> Any:
    return timezone.now() - timedelta(**age)


def test_a_job_whose_dispatch_message_was_lost_is_found(world: World) -> None:
    job = world.training(dispatch=False)
    assert jobs_reconcile().dispatched == 0  # its message may still be on the way
    Job.objects.update(created_at=ago(seconds=6))
    assert jobs_reconcile().dispatched == 1
    assert world.claimed().job.pk == job.pk


def test_an_expired_lease_is_found_and_the_next_attempt_dispatched(world: World) -> None:
    world.running()
    Attempt.objects.update(lease_expires_at=ago(seconds=1))
    assert jobs_reconcile().leases_expired == 1
    Job.objects.update(not_before=None, waiting_since=ago(minutes=5))
    jobs_reconcile()
    assert world.claimed().attempt.number == 2


@pytest.mark.parametrize("state", ["preparing", "finishing"])
def test_an_attempt_that_is_kept_alive_but_stuck_is_ended_as_our_fault(world: World, state: str) -> None:
    world.running()
    Job.objects.update(state=state)
    Attempt.objects.update(started_at=ago(hours=1))
    assert jobs_reconcile().overdue == 1
    assert Job.objects.get().state == "queued"


def test_a_job_beyond_its_time_limit_fails_with_a_sentence(world: World) -> None:
    world.running()
    Attempt.objects.update(started_at=ago(minutes=20, seconds=30))
    assert jobs_reconcile().overdue == 0  # its runner has a minute to stop by itself
    Attempt.objects.update(started_at=ago(minutes=22))
    assert jobs_reconcile().overdue == 1
    job = Job.objects.get()
    assert (job.state, job.failure_class) == ("failed", "time_limit")
    assert "time limit" in job.failure_message


def test_a_runner_that_ignores_a_cancel_is_cut_off_after_a_grace(world: World) -> None:
    claim = world.running()
    job_cancel(job_id=claim.job.pk)
    assert jobs_reconcile().cancelled == 0
    Job.objects.update(cancel_requested_at=ago(seconds=11))
    assert jobs_reconcile().cancelled == 1
    assert Job.objects.get().state == "cancelled"
    assert Attempt.objects.get().ended_at is not None


def test_a_job_that_no_machine_took_for_a_day_fails_as_our_fault(world: World) -> None:
    world.training()
    Job.objects.update(created_at=ago(hours=25))
    assert jobs_reconcile().no_capacity == 1
    job = Job.objects.get()
    assert (job.state, job.failure_class) == ("failed", "no_capacity")
    assert "Our fault" in job.failure_message


def test_one_job_that_cannot_be_reconciled_does_not_stop_the_others(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = world.training(dispatch=False), world.training(dispatch=False)
    Job.objects.update(created_at=ago(seconds=6))

    def dispatch(*, job_id: Any) -> bool:
        if job_id == bad.pk:
            raise RuntimeError("broken row")
        return job_dispatch(job_id=job_id)

    monkeypatch.setattr(module, "job_dispatch", dispatch)
    assert jobs_reconcile().dispatched == 1
    assert Job.objects.get(pk=good.pk).state == "dispatched"


def test_nothing_to_do_changes_nothing(world: World) -> None:
    world.finish(world.running())
    world.running()
    before = list(Job.objects.order_by("pk").values())
    jobs_reconcile()
    assert list(Job.objects.order_by("pk").values()) == before
