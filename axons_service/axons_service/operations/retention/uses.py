"""Why a thing of a project cannot be deleted now: what works on it, and what was handed in."""

from dataclasses import dataclass, field
from uuid import UUID

from axons_service.exercises.models import Project
from axons_service.grading.models import Submission
from axons_service.jobs.models import Job
from axons_service.jobs.states import LIVE
from axons_service.training_sets.models import TrainingSet

HANDED_IN_MODEL = "This model is handed in: your grade stands on it, so it stays."
HANDED_IN_RUN = "The model of this run is handed in: your grade stands on it, so the run stays."
HANDED_IN_SET = "A model that was trained on this training set is handed in: your grade stands on it, so it stays."
SCORED_JOB = "This job scored what you handed in: your grade stands on it, so it stays."
LIVE_JOB = "This run is not over yet. Cancel it or wait for its end, then delete it."
LIVE_ON_SET = "A run is training on this training set. Cancel the run or wait for its end, then delete the set."
LIVE_ON_MODEL = "A job is using this model right now. Wait for its end, then delete the model."
PREPARING = "This training set is being prepared. Wait until that is done, then delete it."
PARENT = "A new version is being made from this training set. Wait until that is done, then delete it."


@dataclass
class Uses:
    """Ids that cannot be deleted now, each with its sentence."""

    training_sets: dict[UUID, str] = field(default_factory=dict)
    jobs: dict[UUID, str] = field(default_factory=dict)
    models: dict[UUID, str] = field(default_factory=dict)
    busy: bool = False


def project_uses(project: Project) -> Uses:
    """What of this project is in use, in three queries. Ask again under the project's lock before acting on it."""
    uses = Uses()
    handed_in = Submission.objects.filter(project=project).values_list(
        "model_id", "job_id", "model__job_id", "model__job__training_set_id"
    )
    for model, evaluation, run, training_set in handed_in:
        uses.models[model] = HANDED_IN_MODEL
        uses.jobs[evaluation] = SCORED_JOB
        uses.jobs[run] = HANDED_IN_RUN
        uses.training_sets[training_set] = HANDED_IN_SET
    live = Job.objects.filter(project=project, state__in=LIVE).values_list("pk", "training_set_id", "model_id")
    for job, training_set, model in live:
        uses.jobs[job] = LIVE_JOB
        uses.training_sets.setdefault(training_set, LIVE_ON_SET)
        uses.models.setdefault(model, LIVE_ON_MODEL)
        uses.busy = True
    preparing = TrainingSet.objects.filter(project=project, state=TrainingSet.State.PREPARING)
    for training_set, parent in preparing.values_list("pk", "parent_id"):
        uses.training_sets[training_set] = PREPARING
        uses.training_sets.setdefault(parent, PARENT)
        uses.busy = True
    return uses
