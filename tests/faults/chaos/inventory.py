"""`python -m tests.faults.chaos.inventory`: what the service's rows name, as JSON, read with the service's settings.

The other half of the comparison is a listing of the bucket, made without the service.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any


def collect() -> dict[str, Any]:
    """`jobs`, `named` keys (and what names them), `leftovers` (prefixes of attempts) and rows that contradict."""
    from axons_service.exercises.models import Project
    from axons_service.grading.models import GradeDelivery, Submission
    from axons_service.jobs.artifacts import object_prefix
    from axons_service.jobs.models import Attempt, Job
    from axons_service.storage import keys

    terminal = [Job.State.SUCCEEDED, Job.State.FAILED, Job.State.CANCELLED]
    attempts = Attempt.objects.select_related("job__project__exercise")
    leftovers = []
    for attempt in attempts:
        leftovers.append(keys.attempt_prefix(attempt.job, attempt.number))
        if attempt.job.kind == Job.Kind.TRAINING and attempt.outcome != "succeeded":
            leftovers.append(object_prefix(attempt.job, attempt.number, "artifact"))
    jobs = {
        str(job.pk): {
            "kind": job.kind,
            "state": job.state,
            "attempt": job.attempt,
            "failure": job.failure_class,
            "succeeded": sum(attempt.outcome == "succeeded" for attempt in job.attempts.all()),
            "faults": sum(attempt.outcome in ("lost", "failed") for attempt in job.attempts.all()),
        }
        for job in Job.objects.prefetch_related("attempts")
    }
    return {
        "jobs": jobs,
        "named": dict(_named()),
        "results": _results(),
        "leftovers": leftovers,
        "ended": {
            f"{attempt.job_id}/{attempt.number}": attempt.ended_at.timestamp()
            for attempt in attempts
            if attempt.ended_at is not None
        },
        "outcomes": {f"{attempt.job_id}/{attempt.number}": attempt.outcome for attempt in attempts},
        "living": attempts.filter(ended_at__isnull=True, job__state__in=terminal).count(),
        "due": GradeDelivery.objects.filter(state=GradeDelivery.State.DUE).count(),
        "dead": GradeDelivery.objects.filter(state=GradeDelivery.State.DEAD).count(),
        "scored": {
            str(submission.pk): [submission.project.learner, submission.project.exercise.usage_key]
            for submission in Submission.objects.filter(state=Submission.State.SCORED).select_related(
                "project__exercise"
            )
        },
        "projects": Project.objects.count(),
        **_machines(),
    }


def _machines() -> dict[str, Any]:
    """`bills` of machines as the cost pages count them, and `runners` that pools which start their own believe in."""
    from django.utils import timezone

    from axons_service.compute.models import MachineUse, Pool, Runner
    from axons_service.compute.usage import billed_seconds

    now = timezone.now()
    return {
        "bills": [
            {
                "id": use.handle["id"],
                "name": use.runner_name,
                "seconds": float(billed_seconds(use, unit=use.pool.billing_unit_seconds, now=now)),
                "is_closed": use.is_closed,
            }
            for use in MachineUse.objects.filter(pool__provider=Pool.Provider.OVH).select_related("pool")
        ],
        "runners": list(
            Runner.objects.filter(pool__provider=Pool.Provider.OVH)
            .exclude(state=Runner.State.GONE)
            .values_list("name", flat=True)
        ),
    }


def _named() -> Iterator[tuple[str, str]]:
    """Every key that a row names, and the row."""
    from axons_service.jobs.models import Checkpoint, Model, Prediction
    from axons_service.operations.retention import ownership
    from axons_service.storage import keys
    from axons_service.training_sets.manifests import manifest_read
    from axons_service.training_sets.models import TrainingSet, Upload

    yield ownership.KEY, "the database whose bucket this is"
    for training_set in TrainingSet.objects.select_related("site", "project__exercise"):
        owner = keys.owner_prefix(training_set)
        yield training_set.manifest_key, "training set"
        yield from ((shard["key"], "training set") for shard in training_set.shards)
        manifest = manifest_read(training_set)
        for image in [*manifest["images"], *manifest.get("excluded", [])]:
            yield keys.blob_key(owner, image["sha256"]), "training set"
            yield keys.thumbnail_key(owner, image["sha256"]), "training set"
    for model in Model.objects.all():
        yield from ((file["key"], f"job {model.job_id}") for file in model.files)
    for prediction in Prediction.objects.all():
        yield from ((file["key"], f"job {prediction.job_id}") for file in prediction.files)
    yield from ((key, "checkpoint") for key in Checkpoint.objects.values_list("key", flat=True))
    yield from ((key, "upload") for key in Upload.objects.values_list("key", flat=True))


def _results() -> dict[str, int]:
    """How many results each succeeded job left."""
    from django.db.models import Count

    from axons_service.grading.models import Submission
    from axons_service.jobs.models import Model, Prediction

    found: dict[str, int] = {}
    scored = Submission.objects.filter(state=Submission.State.SCORED)
    for rows in (Model.objects.filter(job__isnull=False), Prediction.objects.all(), scored):
        for job, count in rows.values_list("job_id").annotate(count=Count("pk")):
            found[str(job)] = found.get(str(job), 0) + count
    return found


if __name__ == "__main__":
    import django

    django.setup()
    json.dump(collect(), sys.stdout)
