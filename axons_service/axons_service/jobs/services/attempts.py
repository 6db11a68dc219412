"""What a runner says during an attempt. Every write holds the job's row and names the attempt, or gets 409."""

import logging
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from axons_service.compute.models import Runner
from axons_service.jobs.artifacts import FileSpec, object_key, object_verify
from axons_service.jobs.deadlines import stall_limit
from axons_service.jobs.failures import RETRIED, FailureClass, retry_delay
from axons_service.jobs.models import Attempt, Checkpoint, Job
from axons_service.jobs.services.claims import lease_seconds, lease_until
from axons_service.jobs.services.events import events_append
from axons_service.jobs.services.moves import attempt_end, job_end, job_lock, job_move
from axons_service.jobs.states import HELD, Move, State
from axons_service.operations.problems import Problem
from axons_service.storage import objects

FAULTS = ("lost", "failed", "stalled")  # outcomes of attempts that were our fault; a released one was not
MAX_ATTEMPTS = 50
POSITION = {"progress": ("phase", "done"), "metrics": ("step", "epoch")}  # what moves while work gets on

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Batch:
    """Events as a runner sends them; `seq` is the number of the first, counted from 1 in the attempt."""

    seq: int
    events: list[dict[str, Any]] = field(default_factory=list)
    log: str = ""


def superseded() -> Problem:
    return Problem(409, "attempt_superseded", "This attempt is over. Stop the work and claim another job.")


def attempt_hold(*, job_id: UUID, number: int) -> tuple[Job, Attempt]:
    """Lock the job and give its living attempt; call inside a transaction. Raises Problem 409 for any other attempt."""
    job = job_lock(job_id)
    attempt = Attempt.objects.filter(job=job, number=number, ended_at__isnull=True).first()
    return job, living(job, attempt, number)


def living(job: Job, attempt: Attempt | None, number: int) -> Attempt:
    """This attempt of a locked job, with its job, if a runner may go on with it. Raises Problem 409 otherwise."""
    if attempt is None or attempt.ended_at or job.attempt != number or State(job.state) not in HELD:
        raise superseded()
    attempt.job = job
    return attempt


@transaction.atomic
def attempt_events_append(*, job_id: UUID, number: int, batch: Batch) -> bool:
    """Renew the lease and take the events that were not received yet. Returns whether the runner should cancel."""
    job, attempt = attempt_hold(job_id=job_id, number=number)
    is_new = batch.seq > attempt.received_seq
    fresh = batch.events[max(0, attempt.received_seq + 1 - batch.seq) :]
    received = max(attempt.received_seq, batch.seq + len(batch.events) - 1)
    changes: dict[str, Any] = {"lease_expires_at": lease_until(), "received_seq": received}
    if _gets_on(job, fresh):
        changes["progressed_at"] = timezone.now()
    Attempt.objects.filter(pk=attempt.pk).update(**changes)
    if job.state == State.PREPARING and any(_is_work(event) for event in fresh):
        job_move(job=job, move=Move.START)
    items = [(event["kind"], event["data"]) for event in fresh]
    if batch.log and is_new:
        items.append(("log", {"text": batch.log}))
    if items:
        events_append(project_id=job.project_id, job=job, items=items)
        _newest_keep(job, items)
    return bool(job.cancel_requested)


def _is_work(event: dict[str, Any]) -> bool:
    """Fetching the training set is preparation; everything after it is the run."""
    return bool(
        event["kind"] == "metrics" or (event["kind"] == "progress" and event["data"].get("phase") != "fetching")
    )


def _gets_on(job: Job, events: list[dict[str, Any]]) -> bool:
    """Whether these events show work that got on: another step, phase or amount than the job's newest ones."""
    newest = {"progress": job.progress, **(job.metrics or {})}
    for event in events:
        data = event["data"]
        before = newest.get("progress" if event["kind"] == "progress" else data.get("split")) or {}
        if event["kind"] in POSITION and any(data.get(name) != before.get(name) for name in POSITION[event["kind"]]):
            return True
    return False


def _newest_keep(job: Job, items: list[tuple[str, dict[str, Any]]]) -> None:
    """Keep the newest progress and metrics on the job, so that reading it needs no events."""
    metrics, progress = dict(job.metrics or {}), job.progress
    for kind, data in items:
        if kind == "progress":
            progress = data
        elif kind == "metrics":
            metrics[data["split"]] = data
    if progress != job.progress or metrics != (job.metrics or {}):
        Job.objects.filter(pk=job.pk).update(progress=progress, metrics=metrics or None)


@transaction.atomic
def attempt_uploads_prepare(*, job_id: UUID, number: int, purpose: str, files: list[FileSpec]) -> list[dict[str, Any]]:
    """Where and how to upload each file of this attempt: `{name, key, url, method, headers}`."""
    job, attempt = attempt_hold(job_id=job_id, number=number)
    _progress_note(attempt)
    internal = job.pool.provider == "local"
    prepared: list[dict[str, Any]] = []
    for file in files:
        key = object_key(job, number, purpose, file.name)
        put = objects.presigned_put(key, bytes=file.bytes, content_type=file.content_type, internal=internal)
        prepared.append({"name": file.name, "key": key, **put})
    return prepared


def checkpoint_record(*, job_id: UUID, number: int, step: int, epoch: int, file: FileSpec) -> Checkpoint:
    """Remember a checkpoint that later attempts may resume from, once the store has it whole. Repeats are fine."""
    with transaction.atomic():
        job, _ = attempt_hold(job_id=job_id, number=number)
    object_verify(job, number, file)
    try:
        with transaction.atomic():
            job, attempt = attempt_hold(job_id=job_id, number=number)
            _progress_note(attempt)
            return Checkpoint.objects.create(
                job=job, attempt=number, step=step, epoch=epoch, key=file.key, sha256=file.sha256, bytes=file.bytes
            )
    except IntegrityError:
        return Checkpoint.objects.get(job_id=job_id, attempt=number, step=step)


def _progress_note(attempt: Attempt) -> None:
    Attempt.objects.filter(pk=attempt.pk).update(progressed_at=timezone.now())


@transaction.atomic
def attempt_release(*, job_id: UUID, number: int, message: str = "") -> None:
    """A runner that must stop gives its job back: not a fault, the next attempt may start at once."""
    job, attempt = attempt_hold(job_id=job_id, number=number)
    attempt_give_back(job, attempt, message)


def attempt_give_back(job: Job, attempt: Attempt, message: str) -> None:
    """End an attempt of a locked job as released."""
    attempt_end(attempt=attempt, outcome="released", message=message)
    _next_attempt(job, delay=0.0)


@transaction.atomic
def attempt_fail(*, job_id: UUID, number: int, failure_class: FailureClass, message: str) -> None:
    """End an attempt that failed: another one after a fault of ours, else the job has failed with a sentence."""
    job, attempt = attempt_hold(job_id=job_id, number=number)
    attempt_lost(job, attempt, "failed", failure_class, message)


@transaction.atomic
def lease_expire(*, attempt_id: int, reason: str = "") -> bool:
    """End an attempt whose runner fell silent. True when it was ended here."""
    job = job_lock(Attempt.objects.values_list("job_id", flat=True).get(pk=attempt_id))
    attempt = Attempt.objects.filter(pk=attempt_id, ended_at__isnull=True, lease_expires_at__lt=timezone.now()).first()
    if attempt is None:
        return False
    message = reason or f"No sign of life from the runner within {lease_seconds():g} s."
    attempt_lost(job, attempt, "lost", FailureClass.INFRASTRUCTURE, message)
    return True


def runner_lost(*, runner: Runner) -> int:
    """The provider says that this runner's process is gone: do not wait for its leases. Number of attempts ended."""
    attempts = Attempt.objects.filter(runner=runner, ended_at__isnull=True)
    attempts.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    reason = f"The provider says that runner {runner.name} is gone."
    return sum(lease_expire(attempt_id=pk, reason=reason) for pk in attempts.values_list("pk", flat=True))


@transaction.atomic
def attempt_overdue(*, attempt_id: int, state: str, failure_class: FailureClass) -> bool:
    """End an attempt that its runner keeps alive beyond what its job's `state` allows. True when it was ended here."""
    job = job_lock(Attempt.objects.values_list("job_id", flat=True).get(pk=attempt_id))
    attempt = Attempt.objects.filter(pk=attempt_id, ended_at__isnull=True).first()
    if attempt is None or job.state != state:
        return False
    attempt_lost(job, attempt, "failed", failure_class, "")
    return True


@transaction.atomic
def attempt_stalled(*, attempt_id: int) -> bool:
    """End an attempt whose work stands still although its runner sends heartbeats. True when it was ended here."""
    job = job_lock(Attempt.objects.values_list("job_id", flat=True).get(pk=attempt_id))
    attempt = Attempt.objects.filter(pk=attempt_id, ended_at__isnull=True).first()
    if attempt is None:
        return False
    phase = str((job.progress or {}).get("phase", ""))
    limit = stall_limit(settings.AXONS_STALL_SECONDS, phase)
    if (attempt.progressed_at or attempt.started_at) + limit > timezone.now():
        return False
    message = f"Heartbeats came, but its work stood still for {limit} in phase “{phase or 'start'}”."
    attempt_lost(job, attempt, "stalled", FailureClass.INFRASTRUCTURE, message)
    return True


def attempt_lost(job: Job, attempt: Attempt, outcome: str, failure_class: FailureClass, message: str) -> None:
    """End an attempt of a locked job that came to nothing: another one after a fault of ours, else the job failed."""
    attempt.job = job
    if not attempt_end(attempt=attempt, outcome=outcome, failure_class=failure_class, message=message):
        return
    # what is wrong with an input may name a learner's picture: that stays in the attempt's row
    told = "" if failure_class == FailureClass.INVALID_INPUT else f": {message[:500]}"
    logger.warning("job %s attempt %s %s: %s%s", job.pk, attempt.number, outcome, failure_class, told)
    faults = job.attempts.filter(outcome__in=FAULTS, failure_class=failure_class)
    delay = retry_delay(failure_class, faults.count()) if failure_class in RETRIED else None
    if delay is not None or job.cancel_requested:
        _next_attempt(job, delay or 0.0, is_waiting=failure_class == FailureClass.NO_CAPACITY)
    else:
        job_end(job=job, state=State.FAILED, failure_class=failure_class, message=message)


def _next_attempt(job: Job, delay: float, *, is_waiting: bool = False) -> None:
    """Back to the queue, unless a cancel was requested. `is_waiting`: no machine ever took it, so it waits on."""
    from axons_service.jobs.services.lifecycle import dispatch_publish

    now = timezone.now()
    changes: dict[str, Any] = {"not_before": now + timedelta(seconds=delay), "dispatched_at": None}
    if not is_waiting:
        changes["waiting_since"] = now
    if job.cancel_requested:
        job_end(job=job, state=State.CANCELLED, failure_class=FailureClass.CANCELLED)
    elif job.attempt >= MAX_ATTEMPTS:
        job_end(job=job, state=State.FAILED, failure_class=FailureClass.INFRASTRUCTURE)
    elif job_move(job=job, move=Move.RETRY, **changes):
        dispatch_publish(job.pk)
