"""Every read of jobs, events, models and predictions."""

from typing import Any
from uuid import UUID

from django.db.models import Max, QuerySet

from axons_service.exercises.models import Project
from axons_service.exercises.selectors import project_for
from axons_service.jobs.history import events_after, job_events
from axons_service.jobs.models import Event, Job, Model, Prediction
from axons_service.jobs.series import MAX_POINTS, Point, downsampled, resumed
from axons_service.operations.problems import Problem
from axons_service.sites.callers import Caller

EVENTS_PAGE = 500


def jobs() -> QuerySet[Job]:
    """Jobs with what `job_output` needs."""
    return Job.objects.select_related("produced_model", "prediction", "batch", "turn", "spec", "project__exercise")


def models() -> QuerySet[Model]:
    """Models with what `model_output` needs."""
    return Model.objects.select_related(
        "project__exercise", "job__training_set__project__exercise", "job__training_set__starter"
    )


def predictions() -> QuerySet[Prediction]:
    """Predictions with what `prediction_output` needs."""
    return Prediction.objects.select_related("job")


def project_jobs(project: Project, limit: int = 50) -> list[Job]:
    """The project's newest jobs, newest first."""
    return list(jobs().filter(project=project, trash__isnull=True).order_by("-created_at")[:limit])


def project_runs(project: Project) -> list[UUID]:
    """Every run the project ever had, oldest first, so that a run keeps its number when others are deleted."""
    runs = Job.objects.filter(project=project, kind=Job.Kind.TRAINING)
    return list(runs.order_by("created_at").values_list("pk", flat=True))


def project_models(project: Project, limit: int = 50) -> list[Model]:
    """The project's newest models, newest first."""
    return list(models().filter(project=project, trash__isnull=True).order_by("-created_at")[:limit])


def project_predictions(project: Project, limit: int = 20) -> list[Prediction]:
    """The project's newest predictions, newest first."""
    return list(predictions().filter(job__project=project, job__trash__isnull=True).order_by("-created_at")[:limit])


def project_cursor(project_id: UUID) -> int:
    """Id of the project's newest event; 0 when there is none."""
    return Event.objects.filter(project_id=project_id).aggregate(newest=Max("pk"))["newest"] or 0


def project_events(project_id: UUID, *, after: int) -> list[dict[str, Any]]:
    """The next events of a project as `event_output` gives them, oldest first, at most EVENTS_PAGE."""
    return events_after(project_id, after, EVENTS_PAGE)


def job_for(caller: Caller, job_id: UUID) -> Job:
    """The job, if the caller may read its project; else Problem 404, the same as for a job that does not exist."""
    job = jobs().filter(pk=job_id, purged_at__isnull=True).first()
    if job is None:
        raise _no("job")
    _check(caller, job.project_id, "job")
    return job


def model_for(caller: Caller, model_id: UUID) -> Model:
    """The model, if it is of a project that the caller may read, or the one supplied by their exercise's author."""
    model = models().filter(pk=model_id, purged_at__isnull=True).first()
    if model is None:
        raise _no("model")
    if model.project_id is not None:
        _check(caller, model.project_id, "model")
    elif model.site_id != caller.site.pk or not _is_supplied_to(caller, model):
        raise _no("model")
    return model


def prediction_for(caller: Caller, prediction_id: UUID) -> Prediction:
    """The prediction, if the caller may read its project; else Problem 404."""
    prediction = predictions().filter(pk=prediction_id).first()
    if prediction is None:
        raise _no("prediction")
    _check(caller, prediction.job.project_id, "prediction")
    return prediction


def job_insight_for(caller: Caller, job_id: UUID) -> Job:
    """The job, if the caller may read its curves and its log: those of an evaluation tell of the hidden test set.

    Raises Problem 404 as `job_for`, 403 for a learner's own evaluation.
    """
    job = job_for(caller, job_id)
    if job.kind == Job.Kind.EVALUATION and not caller.is_staff:
        raise Problem(403, "staff_only", "What an evaluation says about the hidden test set is for course staff only.")
    return job


def job_series(job: Job, points: int = MAX_POINTS) -> dict[str, list[dict[str, Any]]]:
    """The job's curves: `train` and `validation` over all its attempts, and `resources`; so many points each at most.

    Raises Problem 503 when they lie in an object store that does not answer.
    """
    lines: dict[str, list[Point]] = {"train": [], "validation": [], "resources": []}
    for event in job_events(job, "metrics", "resources"):
        line = event["data"]["split"] if event["kind"] == "metrics" else "resources"
        lines[line].append(Point(event["attempt"], {**event["data"], "time": event["time"]}))
    return {
        "train": downsampled(resumed(lines["train"]), lambda point: point.get("loss"), points),
        "validation": downsampled(resumed(lines["validation"]), lambda point: point.get("loss"), points),
        "resources": downsampled(
            [point.data for point in lines["resources"]], lambda point: point.get("cpu_percent"), points
        ),
    }


def _is_supplied_to(caller: Caller, model: Model) -> bool:
    return Project.objects.filter(
        exercise__site=caller.site, exercise__usage_key=caller.usage, spec__body__model=model.name
    ).exists()


def _check(caller: Caller, project_id: UUID, noun: str) -> None:
    try:
        project_for(caller, project_id)
    except Problem as problem:
        raise _no(noun) from problem


def _no(noun: str) -> Problem:
    return Problem(404, "not_found", f"There is no such {noun}, or it is not yours.")
