"""What a runner says during an attempt: heartbeats, batches, fencing, and how attempts end."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from axons_service.jobs.failures import RETRY_DELAYS_SECONDS, SENTENCES, FailureClass
from axons_service.jobs.models import Attempt, Checkpoint, Event, Job, Model, Prediction
from axons_service.jobs.services import (
    attempt_uploads_prepare,
    checkpoint_record,
    job_cancel,
    job_dispatch,
    lease_expire,
    runner_lost,
)
from axons_service.operations.problems import Problem
from tests.service.jobs.conftest import RESULTS, World, metrics, progress


def kinds(job: Job) -> list[str]:
    return list(Event.objects.filter(job=job).order_by("seq").values_list("kind", flat=True))


def expire(world: World, number: int = 1) -> None:
    """Let the lease of an attempt run out."""
    attempt = Attempt.objects.get(number=number)
    Attempt.objects.filter(pk=attempt.pk).update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    assert lease_expire(attempt_id=attempt.pk)


def again(world: World) -> Any:
    """Claim the next attempt as if its backoff were over."""
    job = Job.objects.get()
    job_dispatch(job_id=job.pk)
    Job.objects.update(not_before=None)
    return world.claimed()


def test_fetching_is_preparation_and_training_is_the_run(world: World) -> None:
    job = world.training()
    claim = world.claimed()
    world.report(claim, 1, progress("fetching"))
    assert Job.objects.get().state == "preparing"
    world.report(claim, 2, progress("training"))
    assert Job.objects.get().state == "running"
    assert kinds(job) == ["state", "state", "state", "progress", "state", "progress"]


def test_a_heartbeat_renews_the_lease(world: World) -> None:
    claim = world.running()
    Attempt.objects.update(lease_expires_at=timezone.now() + timedelta(seconds=1))
    world.report(claim, 2)
    assert Attempt.objects.get().lease_expires_at > timezone.now() + timedelta(seconds=80)


def test_the_newest_progress_and_metrics_stay_on_the_job(world: World) -> None:
    claim = world.running()
    world.report(claim, 2, progress("training", 3), metrics(7), metrics(7, split="validation", loss=0.4))
    job = Job.objects.get()
    assert job.progress["done"] == 3
    assert job.metrics["train"]["step"] == 7
    assert job.metrics["validation"]["loss"] == 0.4


def test_a_batch_that_is_sent_again_counts_once(world: World) -> None:
    claim = world.running()
    for _ in range(3):
        world.report(claim, 2, metrics(2), metrics(3), log="two lines")
    steps = [event.data["step"] for event in Event.objects.filter(kind="metrics").order_by("seq")]
    assert steps == [1, 2, 3]
    assert Event.objects.filter(kind="log").count() == 1


def test_a_batch_that_overlaps_brings_only_what_is_new(world: World) -> None:
    claim = world.running()
    world.report(claim, 2, metrics(2))
    world.report(claim, 2, metrics(2), metrics(3))
    steps = [event.data["step"] for event in Event.objects.filter(kind="metrics").order_by("seq")]
    assert steps == [1, 2, 3]


def test_events_of_a_job_are_numbered_without_gaps(world: World) -> None:
    claim = world.running()
    world.report(claim, 2, metrics(2), metrics(3))
    world.finish(claim)
    seqs = list(Event.objects.filter(job=claim.job).order_by("id").values_list("seq", flat=True))
    assert seqs == list(range(1, len(seqs) + 1))


@pytest.mark.parametrize("ending", ["lost", "released", "cancelled"])
def test_every_write_of_a_superseded_attempt_gets_409(world: World, ending: str) -> None:
    stale = world.running()
    if ending == "lost":
        expire(world)
        again(world)
    elif ending == "released":
        world.finish(stale, "released")
        again(world)
    else:
        job_cancel(job_id=stale.job.pk)
        world.finish(stale, "cancelled")
    before = Event.objects.count()
    file = world.stored(stale, "c.pt", purpose="checkpoint")
    writes = [
        lambda: world.report(stale, 9, metrics(9)),
        lambda: world.report(stale, 10),
        lambda: attempt_uploads_prepare(job_id=stale.job.pk, number=1, purpose="checkpoint", files=[file]),
        lambda: checkpoint_record(job_id=stale.job.pk, number=1, step=9, epoch=1, file=file),
        lambda: world.finish(stale),
        lambda: world.finish(stale, "failed", failure_class=FailureClass.OUT_OF_MEMORY),
    ]
    for write in writes:
        with pytest.raises(Problem) as refused:
            write()
        assert (refused.value.status_code, refused.value.problem_code) == (409, "attempt_superseded")
    assert Event.objects.count() == before
    assert not Model.objects.exists()
    assert not Checkpoint.objects.exists()


def test_a_checkpoint_is_recorded_once_and_only_when_it_is_there(world: World) -> None:
    claim = world.running()
    file = world.stored(claim, "c.pt", purpose="checkpoint")
    stored = world.objects.pop(file.key)
    record = {"job_id": claim.job.pk, "number": 1, "step": 5, "epoch": 1, "file": file}
    with pytest.raises(Problem, match="has nothing of its 10 bytes"):
        checkpoint_record(**record)
    world.objects[file.key] = stored - 1
    with pytest.raises(Problem, match="9 bytes of its 10 bytes"):
        checkpoint_record(**record)
    world.objects[file.key] = stored
    assert checkpoint_record(**record) == checkpoint_record(**record)


def test_a_file_name_cannot_leave_the_attempts_folder(world: World) -> None:
    claim = world.running()
    file = world.stored(claim, "fine")
    with pytest.raises(Problem, match="not a plain file name"):
        attempt_uploads_prepare(
            job_id=claim.job.pk, number=1, purpose="artifact", files=[type(file)("../../x", 1, "a" * 64)]
        )


def test_a_lost_lease_leads_to_attempt_two_and_costs_nothing(world: World) -> None:
    world.running()
    expire(world)
    job = Job.objects.get()
    assert (job.state, job.attempt, job.failure_class) == ("queued", 1, "")
    assert Attempt.objects.get().outcome == "lost"
    assert again(world).attempt.number == 2


def test_a_lease_that_was_renewed_meanwhile_does_not_expire(world: World) -> None:
    world.running()
    assert not lease_expire(attempt_id=Attempt.objects.get().pk)
    assert Job.objects.get().state == "running"


def test_a_dead_runners_work_goes_on_at_once(world: World) -> None:
    world.running()
    assert runner_lost(runner=world.runner) == 1
    assert Job.objects.get().state == "queued"


def test_after_too_many_faults_of_ours_the_job_fails_with_a_sentence(world: World) -> None:
    world.running()
    for number in range(1, len(RETRY_DELAYS_SECONDS) + 1):
        expire(world, number)
        assert Job.objects.get().state == "queued"
        again(world)
    expire(world, len(RETRY_DELAYS_SECONDS) + 1)
    job = Job.objects.get()
    assert (job.state, job.failure_class) == ("failed", "infrastructure")
    assert "Our fault: your try was not used" in job.failure_message


def test_our_faults_are_tried_again_later_each_time(world: World) -> None:
    claim = world.running()
    world.finish(claim, "failed", failure_class=FailureClass.INFRASTRUCTURE, failure_message="CUDA error at 0xdead")
    job = Job.objects.get()
    assert job.state == "queued"
    first = job.not_before
    claim = again(world)
    world.finish(claim, "failed", failure_class=FailureClass.INFRASTRUCTURE)
    assert Job.objects.get().not_before > first + timedelta(seconds=5)


def test_a_released_attempt_is_no_fault(world: World) -> None:
    claim = world.running()
    for _ in range(8):
        world.finish(claim, "released")
        assert Job.objects.get().state == "queued"
        claim = again(world)
    assert claim.attempt.number == 9


@pytest.mark.parametrize(
    ("failure_class", "said", "read"),
    [
        (FailureClass.INVALID_INPUT, "cat.jpg is no picture.", "cat.jpg is no picture."),
        (FailureClass.OUT_OF_MEMORY, "", SENTENCES[FailureClass.OUT_OF_MEMORY]),
        (FailureClass.TIME_LIMIT, "", SENTENCES[FailureClass.TIME_LIMIT]),
    ],
)
def test_what_the_learner_can_change_is_not_tried_again(
    world: World, failure_class: FailureClass, said: str, read: str
) -> None:
    job = world.finish(world.running(), "failed", failure_class=failure_class, failure_message=said)
    assert (job.state, job.failure_class, job.failure_message) == ("failed", failure_class, read)


def test_a_stack_trace_never_reaches_the_learner(world: World) -> None:
    claim = world.running()
    for _ in range(len(RETRY_DELAYS_SECONDS) + 1):
        world.finish(claim, "failed", failure_class=FailureClass.INFRASTRUCTURE, failure_message="Traceback: secret")
        if Job.objects.get().state == "queued":
            claim = again(world)
    assert Job.objects.get().state == "failed"
    assert "secret" not in Job.objects.get().failure_message
    assert not any("secret" in str(event.data) for event in Event.objects.all())
    assert Attempt.objects.first().failure_message == "Traceback: secret"  # type: ignore[union-attr]


def test_a_waiting_job_is_cancelled_at_once(world: World) -> None:
    for dispatch in (False, True):
        job = job_cancel(job_id=world.training(dispatch=dispatch).pk)
        assert (job.state, job.failure_class) == ("cancelled", "cancelled")


def test_a_running_job_hears_of_its_cancel_with_the_next_heartbeat(world: World) -> None:
    claim = world.running()
    assert not world.report(claim, 2)
    assert job_cancel(job_id=claim.job.pk).state == "running"
    assert world.report(claim, 2)
    assert world.finish(claim, "cancelled").state == "cancelled"


def test_a_dispatch_message_that_comes_again_leaves_the_cancelled_run_to_its_runner(world: World) -> None:
    claim = world.running()
    job_cancel(job_id=claim.job.pk)
    assert not job_dispatch(job_id=claim.job.pk)
    assert (Job.objects.get().state, Attempt.objects.get().ended_at) == ("running", None)
    assert world.finish(claim, "cancelled").state == "cancelled"
    assert Attempt.objects.get().ended_at is not None


def test_a_runner_that_cancels_unasked_only_gives_its_job_back(world: World) -> None:
    assert world.finish(world.running(), "cancelled").state == "queued"


def test_a_cancelled_job_is_not_tried_again_when_its_runner_dies(world: World) -> None:
    claim = world.running()
    job_cancel(job_id=claim.job.pk)
    expire(world)
    assert Job.objects.get().state == "cancelled"


def test_a_finished_training_leaves_a_model(world: World) -> None:
    job = world.finish(world.running())
    model = Model.objects.get(job=job)
    assert job.state == "succeeded"
    assert model.title == "Model 1"
    assert model.metrics["validation"]["accuracy"] == 0.9
    assert {file["name"] for file in model.files} == {"model.safetensors", "model.json"}
    assert all(f"/models/{model.pk}/" in file["key"] for file in model.files)
    assert Attempt.objects.get().outcome == "succeeded"


def test_a_finished_inference_leaves_a_prediction_most_probable_first(world: World) -> None:
    world.inference()
    job = world.finish(world.claimed())
    prediction = Prediction.objects.get(job=job)
    assert [item["label"] for item in prediction.probabilities] == ["dog", "cat"]
    assert prediction.file == "me.jpg"


def test_a_finish_whose_answer_was_lost_can_be_sent_again(world: World) -> None:
    claim = world.running()
    events = [world.finish(claim).event_seq for _ in range(3)]
    assert len(set(events)) == 1
    assert Model.objects.count() == 1


def test_a_finish_without_its_objects_is_refused_and_may_be_repaired(world: World) -> None:
    claim = world.running()
    files = [world.stored(claim, name) for name in ("model.safetensors", "model.json")]
    size = world.objects.pop(files[0].key)
    with pytest.raises(Problem, match=r"model\.safetensors: the store has nothing"):
        world.finish(claim, files=files)
    assert not Model.objects.exists()
    assert Job.objects.get().state == "finishing"
    world.objects[files[0].key] = size
    assert world.finish(claim, files=files).state == "succeeded"


def test_a_finish_cannot_claim_objects_of_another_attempt(world: World) -> None:
    claim = world.running()
    other = world.stored(claim, "model.json")
    foreign = type(other)("model.safetensors", 10, "a" * 64, key="sites/1/projects/other/model.safetensors")
    world.objects[foreign.key] = 10
    with pytest.raises(Problem, match="not one that this attempt was given"):
        world.finish(claim, files=[other, foreign])


def test_a_result_without_metrics_is_refused(world: World) -> None:
    with pytest.raises(Problem, match="lacks what the contract asks for"):
        world.finish(world.running(), result={"model": RESULTS["training"]["model"]})


def test_two_attempts_of_a_job_never_share_a_models_key(world: World) -> None:
    first = world.running()
    early = world.stored(first, "model.json")
    expire(world)
    second = again(world)
    assert world.stored(second, "model.json").key != early.key


def test_terminal_rows_do_not_change(world: World) -> None:
    claim = world.running()
    world.finish(claim)
    before = Job.objects.values().get()
    job_cancel(job_id=claim.job.pk)
    job_dispatch(job_id=claim.job.pk)
    runner_lost(runner=world.runner)
    assert Job.objects.values().get() == before


def test_an_evaluation_scores_its_submission(world: World) -> None:
    from axons_service.grading.models import Submission
    from axons_service.grading.services import submission_create
    from tests.service import builders

    submission, _ = submission_create(
        project=world.project,
        model_id=builders.model(world.project).pk,
        idempotency_key="hand-in",
        request_sha256="0" * 64,
    )
    job_dispatch(job_id=submission.job_id)
    claim = world.claimed()
    world.report(claim, 1, progress("evaluating"))
    assert world.finish(claim).state == "succeeded"
    submission = Submission.objects.get()
    assert (submission.state, submission.value, submission.score) == ("scored", 0.95, 1.0)


def test_an_evaluation_that_we_lose_for_good_gives_the_try_back(world: World) -> None:
    from axons_service.grading.models import Submission
    from axons_service.grading.selectors import project_tries
    from axons_service.grading.services import submission_create
    from tests.service import builders

    model = builders.model(world.project)
    submission, _ = submission_create(
        project=world.project, model_id=model.pk, idempotency_key="hand-in", request_sha256="0" * 64
    )
    job_dispatch(job_id=submission.job_id)
    world.finish(world.claimed(), "failed", failure_class=FailureClass.OUT_OF_MEMORY)
    assert Submission.objects.get().state == "failed"
    assert project_tries(world.project).used == 0
