"""Deadlines, the stall watchdog, retries by failure class, and the place in the queue of what we interrupted."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from axons_service.jobs.deadlines import DEADLINES, Since, Then, held_deadline, stall_limit, stall_limits
from axons_service.jobs.failures import RETRIES, SENTENCES, FailureClass, retry_delay
from axons_service.jobs.models import Attempt, Job
from axons_service.jobs.queue import places
from axons_service.jobs.services import Claim, attempt_uploads_prepare, checkpoint_record, job_dispatch, lease_expire
from axons_service.jobs.services.reconcile import jobs_reconcile
from axons_service.jobs.states import HELD, LIVE, TERMINAL
from tests.service.jobs.conftest import World, learner_project, metrics, progress


def ago(**age: Any) -> Any:
    return timezone.now() - timedelta(**age)


def standing(world: World, **since: Any) -> Claim:
    """A training whose work last got on so long ago, while its runner lives."""
    claim = world.running()
    Attempt.objects.update(progressed_at=ago(**since), started_at=ago(minutes=18))
    return claim


def test_every_live_state_has_a_deadline_and_no_other() -> None:
    assert DEADLINES.keys() == LIVE
    for state, rules in DEADLINES.items():
        assert all((rule.since is Since.STARTED) == (state in HELD) for rule in rules)
        assert all((rule.then is Then.END) == (state in HELD) for rule in rules)
    assert all(held_deadline(state, 60)[0] > timedelta() for state in HELD)


def test_a_limit_of_its_own_counts_for_its_phase_alone() -> None:
    limits = stall_limits("600, fetching=900")
    assert stall_limit(limits, "fetching") == timedelta(minutes=15)
    assert stall_limit(limits, "training") == stall_limit(limits, "") == timedelta(minutes=10)


@pytest.mark.parametrize("text", ["", "fetching=900", "600,fetching=", "600,=5", "-1", "0", "ten", "600;700"])
def test_a_stall_setting_that_says_nothing_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        stall_limits(text)


def test_work_that_stands_still_under_heartbeats_is_ended_as_our_fault_and_tried_again(world: World) -> None:
    claim = standing(world, minutes=9)
    assert jobs_reconcile().stalled == 0
    Attempt.objects.update(progressed_at=ago(minutes=11))
    world.report(claim, 2)  # the lease is as fresh as can be
    assert jobs_reconcile().stalled == 1
    attempt, job = Attempt.objects.get(), Job.objects.get()
    assert (attempt.outcome, attempt.failure_class, job.state) == ("stalled", "infrastructure", "queued")
    assert "stood still for 0:10:00" in attempt.failure_message


def test_an_attempt_that_never_said_anything_stalls_from_its_start(world: World) -> None:
    world.training()
    world.claimed()
    Attempt.objects.update(started_at=ago(minutes=11))
    assert jobs_reconcile().stalled == 1


def test_a_phase_with_a_longer_limit_is_given_its_time(world: World, settings: Any) -> None:
    settings.AXONS_STALL_SECONDS = {"": 600.0, "fetching": 900.0}
    world.training()
    claim = world.claimed()
    world.report(claim, 1, progress("fetching"))
    Attempt.objects.update(progressed_at=ago(minutes=11))
    assert jobs_reconcile().stalled == 0
    Attempt.objects.update(progressed_at=ago(minutes=16))
    assert jobs_reconcile().stalled == 1


@pytest.mark.parametrize(
    ("events", "gets_on"),
    [
        ([], False),
        ([{"kind": "resources", "data": {"cpu_percent": 100}}], False),
        ([{"kind": "log", "data": {"text": "still here"}}], False),
        ([metrics(1)], False),
        ([metrics(2)], True),
        ([metrics(1, split="validation")], True),
        ([progress("training", 3)], True),
    ],
)
def test_only_another_step_phase_or_amount_is_work(world: World, events: list[dict[str, Any]], gets_on: bool) -> None:
    claim = standing(world, minutes=11)
    world.report(claim, 2, *events)
    assert jobs_reconcile().stalled == (not gets_on)


def test_the_same_progress_said_again_is_no_work(world: World) -> None:
    claim = standing(world, minutes=11)
    world.report(claim, 2, progress("training", 3))
    Attempt.objects.update(progressed_at=ago(minutes=11))
    world.report(claim, 3, progress("training", 3))
    assert jobs_reconcile().stalled == 1


@pytest.mark.parametrize("writing", ["checkpoint", "uploads"])
def test_saving_is_work(world: World, writing: str) -> None:
    claim = standing(world, minutes=11)
    file = world.stored(claim, "c.pt", purpose="checkpoint")
    if writing == "checkpoint":
        checkpoint_record(job_id=claim.job.pk, number=1, step=9, epoch=1, file=file)
    else:
        attempt_uploads_prepare(job_id=claim.job.pk, number=1, purpose="checkpoint", files=[file])
    assert jobs_reconcile().stalled == 0


def test_every_failure_class_says_whether_it_is_tried_again() -> None:
    assert RETRIES.keys() == SENTENCES.keys() == set(FailureClass)
    retried = {failure_class for failure_class, retry in RETRIES.items() if retry is not None}
    assert retried == {FailureClass.INFRASTRUCTURE, FailureClass.NO_CAPACITY}


def test_faults_of_ours_back_off_and_end_but_missing_machines_are_waited_for() -> None:
    ours = [retry_delay(FailureClass.INFRASTRUCTURE, faults) for faults in range(1, 6)]
    assert ours == [1.0, 10.0, 60.0, None, None]
    machines = [retry_delay(FailureClass.NO_CAPACITY, faults) for faults in (1, 2, 3, 4, 1000)]
    assert machines == [10.0, 30.0, 60.0, 60.0, 60.0]


def test_no_capacity_is_tried_until_the_deadline_of_the_wait(world: World) -> None:
    job = world.training()
    for _ in range(6):
        claim = world.claimed()
        world.finish(claim, "failed", failure_class=FailureClass.NO_CAPACITY)
        assert Job.objects.get().state == "queued"
        job_dispatch(job_id=job.pk)
        Job.objects.update(not_before=None)
    Job.objects.update(created_at=ago(hours=25))
    assert jobs_reconcile().no_capacity == 1
    assert Job.objects.get().failure_class == "no_capacity"


def test_machines_that_were_missing_do_not_use_up_the_retries_for_faults(world: World) -> None:
    job = world.training()
    for failure_class in [FailureClass.NO_CAPACITY] * 4 + [FailureClass.INFRASTRUCTURE]:
        world.finish(world.claimed(), "failed", failure_class=failure_class)
        job_dispatch(job_id=job.pk)
        Job.objects.update(not_before=None)
    assert Job.objects.get().state == "dispatched"


def test_a_job_that_ran_for_a_day_is_not_taken_for_one_that_waited(world: World) -> None:
    world.running()
    Job.objects.update(created_at=ago(hours=30))
    Attempt.objects.update(lease_expires_at=ago(seconds=1))
    jobs_reconcile()
    assert jobs_reconcile().no_capacity == 0
    assert Job.objects.get().state == "queued"


def test_what_we_interrupted_goes_on_before_what_had_not_begun(world: World) -> None:
    mine = world.running().job
    others = [world.training(project=learner_project(world.lms, name)) for name in ("ben", "cem")]
    Attempt.objects.update(lease_expires_at=ago(seconds=1))
    assert lease_expire(attempt_id=Attempt.objects.get().pk)
    job_dispatch(job_id=mine.pk)
    Job.objects.update(not_before=None)
    positions = places(Job.objects.all())
    assert [positions[pk].position for pk in (mine.pk, others[0].pk, others[1].pk)] == [1, 2, 3]
    assert [world.claimed().job.pk for _ in range(3)] == [mine.pk, others[0].pk, others[1].pk]


def test_a_runner_that_says_cancelled_as_a_failure_is_not_believed(world: World) -> None:
    job = world.finish(world.running(), "failed", failure_class=FailureClass.CANCELLED)
    assert (job.state, job.failure_class) == ("queued", "")


@pytest.mark.parametrize(
    "change",
    [{"state": "queued"}, {"state": "failed"}, {"attempt": 2}, {"failure_message": "other"}, {"kind": "inference"}],
)
@pytest.mark.parametrize("end", ["succeeded", "failed", "cancelled"])
def test_the_database_itself_refuses_to_change_what_has_ended(world: World, end: str, change: dict[str, Any]) -> None:
    world.running()
    Job.objects.update(state=end)
    if change == {"state": end}:
        return
    with pytest.raises(IntegrityError, match="a job that has ended does not change"), transaction.atomic():
        Job.objects.update(**change)
    assert Job.objects.get().state == end


def test_the_guard_lets_pass_what_is_no_part_of_the_end(world: World) -> None:
    job = world.finish(world.running())
    assert job.state in TERMINAL
    assert Job.objects.update(progress=None, upload=None) == 1
    job.save()


def test_the_database_itself_refuses_a_second_living_attempt(world: World) -> None:
    claim = world.running()
    Attempt.objects.filter(pk=claim.attempt.pk).update(ended_at=timezone.now())
    values = {"job": claim.job, "token_sha256": "", "lease_expires_at": timezone.now()}
    Attempt.objects.create(number=2, **values)
    with pytest.raises(IntegrityError), transaction.atomic():
        Attempt.objects.create(number=3, **values)


def test_the_guard_is_put_again_after_a_migration_made_the_table_anew(world: World) -> None:
    from axons_service.jobs.guards import guards_put

    world.finish(world.running())
    with connection.cursor() as cursor:
        table = " ON axons_jobs_job" if connection.vendor == "postgresql" else ""
        cursor.execute(f"DROP TRIGGER job_ended_frozen{table}")
    for _ in range(2):
        guards_put(using="default")
    with pytest.raises(IntegrityError), transaction.atomic():
        Job.objects.update(state="queued")
