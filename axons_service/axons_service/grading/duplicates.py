"""Work that two learners cannot have done apart: the same pictures, the same weights, or the same curve."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Sequence

from django.db.models import Q

from axons_service.grading.models import Submission
from axons_service.jobs.history import job_events
from axons_service.jobs.models import Job, Model
from axons_service.operations.problems import Problem
from axons_service.training_sets.models import TrainingSet

KINDS = ("set", "weights", "curve")
WEIGHTS = "model.safetensors"


def fingerprints(model: Model) -> dict[str, str]:
    """What `Submission` keeps of a model to know a copy of it; empty texts for what is not there to compare.

    A model trained on the author's starter set is compared with nothing: the same set, values and seed give the same
    weights, honestly.
    """
    job = model.job
    if job is None or job.training_set is None or job.training_set.kind != TrainingSet.Kind.PROJECT:
        return dict.fromkeys(("set_sha256", "weights_sha256", "curve_sha256"), "")
    return {
        "set_sha256": job.training_set.content_sha256,
        "weights_sha256": next((file["sha256"] for file in model.files if file["name"] == WEIGHTS), ""),
        "curve_sha256": curve_sha256(job),
    }


def curve_sha256(job: Job) -> str:
    """The identity of a run's curve: every loss and accuracy, in order. Empty when it cannot be read now."""
    try:
        events = job_events(job, "metrics")
    except Problem:  # the store is away: handing in goes on without this comparison
        return ""
    if not events:
        return ""
    points = [[event["data"].get(name) for name in ("split", "step", "loss", "accuracy")] for event in events]
    return hashlib.sha256(json.dumps(points).encode()).hexdigest()


def duplicates_of(page: Sequence[Submission]) -> dict[str, list[str]]:
    """{submission id: kinds} of those that equal another learner's in the same exercise; one query for a page.

    The page's submissions have their `project` loaded and are of one exercise.
    """
    if not page:
        return {}
    wanted = {kind: {getattr(each, f"{kind}_sha256") for each in page} - {""} for kind in KINDS}
    same = Q()
    for kind, values in wanted.items():
        same |= Q(**{f"{kind}_sha256__in": values})
    found = Submission.objects.filter(same, project__exercise_id=page[0].project.exercise_id)
    owners: dict[tuple[str, str], set[str]] = defaultdict(set)
    rows = found.values_list("project_id", *(f"{kind}_sha256" for kind in KINDS)).distinct()
    for project, *values in rows:
        for kind, value in zip(KINDS, values, strict=True):
            if value:
                owners[kind, value].add(str(project))
    return {
        str(each.pk): [kind for kind in KINDS if len(owners.get((kind, getattr(each, f"{kind}_sha256")), ())) > 1]
        for each in page
    }


def twins_of(submission: Submission, *, limit: int = 20) -> list[dict[str, object]]:
    """Other learners' submissions that equal this one, and in what: [{submission, learner, kinds}], newest first."""
    same = Q()
    for kind in KINDS:
        value = getattr(submission, f"{kind}_sha256")
        if value:
            same |= Q(**{f"{kind}_sha256": value})
    if not same:
        return []
    others = Submission.objects.filter(same, project__exercise_id=submission.project.exercise_id)
    others = others.exclude(project_id=submission.project_id).select_related("project").order_by("-created_at")
    return [
        {
            "submission": str(other.pk),
            "learner": other.project.learner,
            "kinds": [
                kind
                for kind in KINDS
                if getattr(submission, f"{kind}_sha256")
                and getattr(other, f"{kind}_sha256") == getattr(submission, f"{kind}_sha256")
            ],
        }
        for other in others[:limit]
    ]
