"""What a job may use: a learner's training never sees a hidden test set, nor anyone else's work."""

from uuid import UUID

from axons_service.exercises.models import Project
from axons_service.jobs.models import Job, Model
from axons_service.operations.problems import Problem
from axons_service.training_sets.models import TrainingSet, Upload
from axons_service.training_sets.selectors import library_set, task_check
from axons_service.training_sets.set_names import is_version


def inputs_check(
    *,
    project: Project,
    kind: str,
    training_set: TrainingSet | None,
    model: Model | None,
    upload: Upload | None,
    pictures: list[Upload],
) -> TrainingSet | None:
    """The training set that the job works on: the given one, or for an evaluation the spec's hidden test set.

    Raises Problem 422 (409 for a set that is not ready yet) with the sentence of what cannot be used.
    """
    spec = project.spec.body
    match kind:
        case Job.Kind.TRAINING:
            if spec["kind"] != "training":
                raise Problem(422, "training_not_offered", "This exercise is about using a model; it trains none.")
            return _trainable(project, training_set)
        case Job.Kind.INFERENCE:
            _usable(project, model)
            if upload is not None and upload.purpose == Upload.Purpose.PREDICTION_ARCHIVE:
                own = upload.project_id == project.pk
            else:
                shown = pictures or ([upload] if upload is not None else [])
                own = bool(shown) and all(_is_shown(project, each) for each in shown)
            if not own:
                raise Problem(422, "upload_unknown", "Upload a picture first; this one is not in your project.")
            return None
        case Job.Kind.EVALUATION:
            _usable(project, model)
            return training_set or hidden_test_set(project)
    raise Problem(422, "kind_unknown", "A job's kind is training or inference.")


def inputs_lock(project_id: UUID) -> None:
    """Lock the project: whoever deletes what its jobs use, or makes one that uses it, waits for the other's end."""
    Project.objects.select_for_update(no_key=True).values_list("pk").get(pk=project_id)


def inputs_hold(
    *, project: Project, training_set: TrainingSet | None, model: Model | None, uploads: list[Upload]
) -> None:
    """Lock the project, so that nobody deletes what the job uses; call inside the transaction that makes the job.

    Raises Problem 409 `in_trash` for what is in the trash already, 422 `upload_unknown` for uploads that are deleted.
    """
    inputs_lock(project.pk)
    if training_set is not None and TrainingSet.objects.filter(pk=training_set.pk, trash__isnull=False).exists():
        raise Problem(409, "in_trash", "This training set is in the trash. Restore it first, then train on it.")
    if model is not None and Model.objects.filter(pk=model.pk, trash__isnull=False).exists():
        raise Problem(409, "in_trash", "This model is in the trash. Restore it first, then use it.")
    if Upload.objects.filter(pk__in=[each.pk for each in uploads]).count() != len(uploads):
        raise Problem(422, "upload_unknown", "Upload the pictures again: they are not in your project any more.")


def hidden_test_set(project: Project) -> TrainingSet:
    """The newest version of the hidden test set that the exercise's spec names."""
    name = project.spec.body.get("hidden_test_set") or ""
    newest = library_set(project.exercise.site, kind=TrainingSet.Kind.HIDDEN, name=name)
    if newest is None:
        raise Problem(422, "hidden_test_set_missing", "This exercise has no hidden test set to score models on.")
    return newest


def _trainable(project: Project, training_set: TrainingSet | None) -> TrainingSet:
    if training_set is None or not _is_readable(project, training_set):
        raise Problem(422, "training_set_unknown", "There is no such training set in your project.")
    if training_set.state != TrainingSet.State.READY:
        raise Problem(409, "training_set_not_ready", "This training set is not ready yet. Wait until it is prepared.")
    task_check(project, training_set.task)
    return training_set


def _is_readable(project: Project, training_set: TrainingSet) -> bool:
    if training_set.project_id is not None:
        return training_set.project_id == project.pk and training_set.kind == TrainingSet.Kind.PROJECT
    return (
        training_set.kind == TrainingSet.Kind.STARTER
        and training_set.site_id == project.exercise.site_id
        and is_version(training_set, project.spec.body.get("starter_set"))
    )


def _is_shown(project: Project, upload: Upload) -> bool:
    return upload.project_id == project.pk and upload.purpose == Upload.Purpose.PREDICTION


def _usable(project: Project, model: Model | None) -> None:
    if model is not None:
        supplied = model.project_id is None and model.site_id == project.exercise.site_id
        if model.project_id == project.pk or (supplied and model.name == project.spec.body.get("model")):
            task_check(project, model.task)
            return
    raise Problem(422, "model_unknown", "There is no such model in your project.")
