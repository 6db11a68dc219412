"""Every write of submissions; reviews are in `reviews`, and what reaches the LMS goes through `delivery`."""

import hashlib
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from axons_service.exercises.grading_rules import threshold_score
from axons_service.exercises.models import Project
from axons_service.exercises.task_types import classes_agree
from axons_service.grading import selectors
from axons_service.grading.deadlines import hand_in_check
from axons_service.grading.delivery import grade_queue
from axons_service.grading.duplicates import fingerprints
from axons_service.grading.models import Submission
from axons_service.grading.scoring import final_score
from axons_service.grading.serializers import submission_output
from axons_service.jobs.models import Job, Model
from axons_service.jobs.services import event_append, job_create
from axons_service.operations.problems import Problem
from axons_service.training_sets.models import TrainingSet
from axons_service.training_sets.selectors import library_set, task_check


def submission_create(
    *, project: Project, model_id: UUID, idempotency_key: str, request_sha256: str
) -> tuple[Submission, bool]:
    """Hand in a model: the submission, and whether it was created now (the same key gives the same submission).

    Raises Problem 404 for a model that is not the project's, 409 `hand_in_closed` or `no_tries_left`, 422 for an
    exercise without grading or a model with other classes.
    """
    with transaction.atomic():
        Project.objects.select_for_update().get(pk=project.pk)
        first = (
            Submission.objects.select_related("job").filter(project=project, idempotency_key=idempotency_key).first()
        )
        if first is not None:
            if first.job.request_sha256 != request_sha256:
                sentence = "This Idempotency-Key was used for another request. Send a new key with a new request."
                raise Problem(422, "idempotency_mismatch", sentence)
            return first, False
        spec = project.spec
        if spec.body.get("grading") is None:
            raise Problem(422, "not_graded", "This exercise is not graded, so nothing is handed in.")
        hand_in_check(project)
        model = _own_model(project, model_id)
        hidden = _hidden_test_set(project, model)
        tries = selectors.project_tries(project)
        if tries.left == 0:
            raise Problem(409, "no_tries_left", _no_tries(tries))
        job, _ = job_create(
            project=project,
            kind=Job.Kind.EVALUATION,
            idempotency_key=f"submission-{hashlib.sha256(idempotency_key.encode()).hexdigest()}",
            request_sha256=request_sha256,
            training_set=hidden,
            model=model,
        )
        submission = Submission.objects.create(
            project=project,
            model=model,
            job=job,
            spec=spec,
            metric=spec.body["grading"]["metric"],
            idempotency_key=idempotency_key,
            **fingerprints(model),
        )
        submission_tell(submission)
    return submission, True


@transaction.atomic
def submission_score(*, job: Job, result: dict[str, Any]) -> None:
    """Score the submission of a succeeded evaluation job and queue the grade, in the transaction of its finish.

    Raises Problem 422 `result_incomplete` when the result lacks the metric.
    """
    submission = Submission.objects.select_related("spec", "project").get(job=job)
    if submission.state != Submission.State.SCORING:
        return
    metrics = result["metrics"]
    value = metrics.get(submission.metric)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise Problem(422, "result_incomplete", f"The evaluation's result lacks {submission.metric} between 0 and 1.")
    Project.objects.select_for_update().get(pk=submission.project_id)
    body = submission.spec.body
    score = threshold_score(body["grading"], value)
    final = final_score(body, automatic=score, rubric=None, override=None)
    scored = Submission.objects.filter(pk=submission.pk, state=Submission.State.SCORING).update(
        state=Submission.State.SCORED,
        value=value,
        automatic_score=score,
        final_score=final,
        metrics=metrics,
        scored_at=timezone.now(),
    )
    if scored == 1:
        if final is not None:  # else a grader has the word
            grade_queue(submission=submission, reason="scored")
        submission_tell(submission)


@transaction.atomic
def submission_fail(*, job: Job, failure_class: str, message: str) -> None:
    """The evaluation did not come to a score: the try is the learner's again."""
    submission = Submission.objects.select_related("project").filter(job=job).first()
    if submission is None:
        return
    failed = Submission.objects.filter(pk=submission.pk, state=Submission.State.SCORING)
    if failed.update(state=Submission.State.FAILED) == 1:
        submission_tell(submission)


def _own_model(project: Project, model_id: UUID) -> Model:
    model = Model.objects.select_related("job__training_set").filter(pk=model_id, project=project).first()
    if model is None or model.job is None or model.job.state != Job.State.SUCCEEDED:
        raise Problem(404, "not_found", "There is no such model in your project.")
    return model


def _hidden_test_set(project: Project, model: Model) -> TrainingSet:
    name = project.spec.body["hidden_test_set"]
    hidden = library_set(project.exercise.site, kind=TrainingSet.Kind.HIDDEN, name=name)
    if hidden is None:
        raise Problem(422, "exercise_incomplete", "This exercise cannot be graded yet. Please tell the course staff.")
    task_check(project, model.task)
    if not classes_agree(model.task, hidden.classes, model.classes):
        expected = ", ".join(hidden.classes)
        sentence = f"This model knows other classes than the exercise asks for. Train one that knows {expected}."
        raise Problem(422, "model_classes_differ", sentence)
    return hidden


def _no_tries(tries: selectors.Tries) -> str:
    if tries.scoring:
        return "Your last try is being scored now. Wait for its result."
    return f"You have used all {tries.allowed} tries of this exercise."


def submission_tell(submission: Submission) -> None:
    """Show the submission, as it is now, to whoever watches the project."""
    submissions_tell([submission.pk])


def submissions_tell(ids: list[UUID]) -> None:
    """Show each of them, as it is now, to whoever watches its project."""
    for current in selectors.submissions().filter(pk__in=ids):
        data = {"submission": submission_output(current)}
        event_append(project=current.project, job=None, kind="submission", data=data)
