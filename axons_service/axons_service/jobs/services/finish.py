"""The end of an attempt: its objects are verified, then everything it leaves appears in one transaction."""

import re
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from axons_service.exercises.findings import is_share
from axons_service.exercises.task_types import SEGMENTATION
from axons_service.jobs.artifacts import FileSpec, model_id, object_verify
from axons_service.jobs.batches import batch_check, batch_exists
from axons_service.jobs.failures import FailureClass
from axons_service.jobs.models import Attempt, Job, Model, Prediction
from axons_service.jobs.services.attempts import attempt_give_back, attempt_lost, living, superseded
from axons_service.jobs.services.batches import batch_keep
from axons_service.jobs.services.claims import lease_until
from axons_service.jobs.services.moves import attempt_end, job_end, job_lock, job_move
from axons_service.jobs.states import Move, State
from axons_service.operations.problems import Problem

REQUIRED_FILES: dict[str, frozenset[str]] = {
    Job.Kind.TRAINING: frozenset({"model.safetensors", "model.json"}),
    Job.Kind.INFERENCE: frozenset({"picture.jpg"}),
    Job.Kind.EVALUATION: frozenset(),
}
COLOUR = re.compile("#[0-9a-f]{6}")
MASK_FILES = frozenset({"mask.png", "overlay.png"})
OUTCOMES = ("succeeded", "failed", "cancelled", "released")


def attempt_finish(
    *,
    job_id: UUID,
    number: int,
    outcome: str,
    files: list[FileSpec],
    result: dict[str, Any],
    failure_class: FailureClass | None = None,
    failure_message: str = "",
) -> Job:
    """End an attempt as its runner says. Repeating the same finish is fine: the answer may have been lost.

    Raises Problem 409 for a superseded attempt, 422 when an object is not in the store or the result is incomplete.
    """
    if outcome == "failed" and failure_class == FailureClass.CANCELLED:
        outcome = "cancelled"  # no failure; and only what was asked to be cancelled is
    with transaction.atomic():
        job = job_lock(job_id)
        attempt = Attempt.objects.filter(job=job, number=number).first()
        if attempt is not None and attempt.ended_at is not None and attempt.outcome == outcome:
            return job
        attempt = living(job, attempt, number)
        match outcome:
            case "released":
                attempt_give_back(job, attempt, failure_message)
            case "cancelled":
                _cancelled(job, attempt)
            case "failed":
                attempt_lost(job, attempt, "failed", failure_class or FailureClass.INFRASTRUCTURE, failure_message)
            case "succeeded":
                _complete(job, files, result)
                if job.state == State.PREPARING:
                    job_move(job=job, move=Move.START)
                job_move(job=job, move=Move.FINISH)
                Attempt.objects.filter(pk=attempt.pk).update(
                    lease_expires_at=lease_until(), progressed_at=timezone.now()
                )
    return _succeeded(job, number, files, result) if outcome == "succeeded" else job


def _cancelled(job: Job, attempt: Attempt) -> None:
    """A runner cancels only what was asked to be; anything else is a runner that stopped for its own reasons."""
    if not job.cancel_requested:
        attempt_give_back(job, attempt, "cancelled by the runner without a request")
        return
    attempt_end(attempt=attempt, outcome="cancelled", failure_class=FailureClass.CANCELLED)
    job_end(job=job, state=State.CANCELLED, failure_class=FailureClass.CANCELLED)


def _succeeded(job: Job, number: int, files: list[FileSpec], result: dict[str, Any]) -> Job:
    for file in files:  # outside of any transaction: the store may be slow
        object_verify(job, number, file, purpose="artifact")
    with transaction.atomic():
        job = job_lock(job.pk)
        attempt = Attempt.objects.filter(job=job, number=number).first()
        if attempt is not None and attempt.outcome == "succeeded":
            return job  # a repeat of this finish was faster
        attempt_end(attempt=living(job, attempt, number), outcome="succeeded")
        _results_keep(job, number, files, result)
        if not job_move(job=job, move=Move.SUCCEED):
            raise superseded()
    return job


def _complete(job: Job, files: list[FileSpec], result: dict[str, Any]) -> None:
    marks = job.spec.body["task"] == SEGMENTATION
    if batch_exists(job):
        batch_check(job, {file.name for file in files}, result)
        return
    required = REQUIRED_FILES[job.kind] | (MASK_FILES if marks and job.kind == Job.Kind.INFERENCE else frozenset())
    missing = required - {file.name for file in files}
    if missing:
        raise Problem(422, "file_missing", f"A finished {job.kind} leaves {', '.join(sorted(missing))} too.")
    match job.kind:
        case Job.Kind.TRAINING:
            model, metrics = result.get("model"), result.get("metrics")
            described = isinstance(model, dict) and {"architecture", "classes"} <= model.keys()
            whole = described and isinstance(metrics, dict) and isinstance(metrics.get("validation"), dict)
            whole = whole and (not marks or is_share(result["metrics"]["validation"].get("miou")))
        case Job.Kind.INFERENCE:
            said = mask_data(result) is not None if marks else bool(result.get("probabilities"))
            whole = said and isinstance(result.get("seconds"), int | float)
        case _:
            whole = isinstance(result.get("metrics"), dict)
    if not whole:
        raise Problem(422, "result_incomplete", f"The result of this {job.kind} lacks what the contract asks for.")


def mask_data(result: dict[str, Any]) -> dict[str, Any] | None:
    """What a result says of a mask: {"classes": [{"label", "share"}], "colours": {label: "#rrggbb"}}; None when it does
    not. Runners put both into the result itself or below `data`.
    """
    said = result.get("data", result)
    classes, colours = (said.get("classes"), said.get("colours")) if isinstance(said, dict) else (None, None)
    if not isinstance(classes, list) or not isinstance(colours, dict) or not classes:
        return None
    for each in classes:
        if not isinstance(each, dict) or not isinstance(each.get("label"), str) or not is_share(each.get("share")):
            return None
    if not all(isinstance(colour, str) and COLOUR.fullmatch(colour) for colour in colours.values()):
        return None
    shares = [{"label": each["label"], "share": each["share"]} for each in classes]
    return {"classes": sorted(shares, key=lambda each: -each["share"]), "colours": colours}


def _results_keep(job: Job, number: int, files: list[FileSpec], result: dict[str, Any]) -> None:
    from axons_service.grading.services import submission_score

    records = [file.record() for file in files]
    stored_bytes = sum(file.bytes for file in files)
    match job.kind:
        case Job.Kind.TRAINING:
            description = {"task": job.spec.body["task"], **result["model"]}
            Model.objects.create(
                id=model_id(job, number),
                site_id=job.project.exercise.site_id,
                project=job.project,
                job=job,
                source=Model.Source.TRAINED,
                title=f"Model {job.project.models.count() + 1}",
                architecture=description["architecture"],
                classes=description["classes"],
                metrics=result["metrics"],
                description=description,
                files=records,
                stored_bytes=stored_bytes,
            )
        case Job.Kind.INFERENCE if batch_exists(job):
            batch_keep(job=job, files=records, result=result)
            Job.objects.filter(pk=job.pk).update(stored_bytes=stored_bytes)
        case Job.Kind.INFERENCE:
            assert job.model is not None, "an inference job has a model"
            Prediction.objects.create(
                job=job,
                model=job.model,
                file=job.upload.name if job.upload is not None else "",
                probabilities=sorted(result.get("probabilities", []), key=lambda item: -item["probability"]),
                data=(mask_data(result) or {}) if job.spec.body["task"] == SEGMENTATION else {},
                files=records,
                seconds=result["seconds"],
            )
            Job.objects.filter(pk=job.pk).update(stored_bytes=stored_bytes)
        case Job.Kind.EVALUATION:
            submission_score(job=job, result=result)
