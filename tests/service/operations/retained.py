"""A project with something of everything, as rows alone or with its objects."""

import json
import uuid
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from axons_service.compute.models import Pool
from axons_service.exercises.models import Project
from axons_service.grading.models import Submission
from axons_service.jobs.models import Checkpoint, Job, Model, Prediction
from axons_service.storage import keys, objects
from axons_service.training_sets import manifests
from axons_service.training_sets.models import TrainingSet
from tests.service import builders
from tests.service.listing import list_keys

MIB = 1024**2


def training_set(owner: Project, **changes: Any) -> TrainingSet:
    """A ready set of the project as a row."""
    values = {
        "site": owner.exercise.site,
        "project": owner,
        "kind": "project",
        "title": "My pictures",
        "version": owner.training_sets.count() + 1,
        "state": "ready",
        "classes": builders.CLASSES,
        "stored_bytes": 10 * MIB,
        "idempotency_key": uuid.uuid4().hex,
    }
    return TrainingSet.objects.create(**{**values, **changes})


def run(owner: Project, *, state: str = "succeeded", over_for: timedelta = timedelta(), **changes: Any) -> Job:
    """A training job of the project."""
    values = {
        "project": owner,
        "spec": owner.spec,
        "pool": Pool.objects.get(name="cpu"),
        "kind": "training",
        "state": state,
        "idempotency_key": uuid.uuid4().hex,
        "request_sha256": "0" * 64,
        "time_limit_seconds": 60,
        "finished_at": timezone.now() - over_for if state in ("succeeded", "failed", "cancelled") else None,
    }
    return Job.objects.create(**{**values, **changes})


def model(owner: Project, job: Job | None = None, **changes: Any) -> Model:
    """A model that a run of the project left."""
    values = {
        "site": owner.exercise.site,
        "project": owner,
        "job": job or run(owner),
        "source": "trained",
        "title": f"Model {owner.models.count() + 1}",
        "architecture": "small_cnn",
        "classes": builders.CLASSES,
        "stored_bytes": 5 * MIB,
    }
    return Model.objects.create(**{**values, **changes})


def prediction(of: Model, job: Job, *, name: str = "picture.jpg", stored: bool = False) -> Prediction:
    key = f"{keys.attempt_prefix(job, 1)}artifacts/{name}"
    if stored:
        objects.put_bytes(key, b"picture", "image/jpeg")
    return Prediction.objects.create(
        job=job, model=of, file=name, probabilities=[], seconds=0.1, files=[{"name": name, "key": key, "bytes": 7}]
    )


def checkpoint(job: Job, step: int, *, age: timedelta = timedelta(), stored: bool = False, size: int = 4) -> Checkpoint:
    key = f"{keys.attempt_prefix(job, 1)}checkpoints/checkpoint-{step}.safetensors"
    if stored:
        objects.put_bytes(key, b"x" * size, "application/octet-stream")
    row = Checkpoint.objects.create(job=job, attempt=1, step=step, epoch=1, key=key, sha256="a" * 64, bytes=size)
    Checkpoint.objects.filter(pk=row.pk).update(created_at=timezone.now() - age)
    return row


def submission(of: Model) -> Submission:
    """The model is handed in and scored."""
    project = of.project
    assert project is not None
    evaluation = run(project, kind="evaluation", model=of)
    return Submission.objects.create(
        project=project, model=of, job=evaluation, spec=project.spec, state="scored", metric="accuracy"
    )


def stored_set(
    owner: Project, pictures: dict[str, bytes], *, shared: TrainingSet | None = None, **changes: Any
) -> TrainingSet:
    """A ready set with blobs, thumbnails, one shard of its own, its manifest and its journal in the store."""
    made = training_set(owner, parent=shared, **changes)
    prefix, folder = keys.project_prefix(owner), keys.training_set_prefix(made)
    for sha256, data in pictures.items():
        objects.put_bytes(keys.blob_key(prefix, sha256), data, "image/jpeg")
        objects.put_bytes(f"{prefix}thumbnails/sha256/{sha256[:2]}/{sha256}", b"t", "image/jpeg")
    shard_data = b"".join(pictures.values())
    shard_key = f"{folder}shards/{builders.sha256(shard_data)}.tar"
    objects.put_bytes(shard_key, shard_data, "application/x-tar")
    objects.put_bytes(f"{folder}journal.json", b"{}", "application/json")
    shards: list[Any] = [{"key": shard_key, "sha256": "b" * 64, "bytes": len(shard_data), "count": len(pictures)}]
    images = [
        {"sha256": each, "label": "cat", "split": "train", "name": f"{each[:4]}.jpg", "width": 1, "height": 1}
        for each in pictures
    ]
    if shared is not None:
        shards = [*shared.shards, *shards]
        images = [*manifests.manifest_read(shared)["images"], *images]  # type: ignore[list-item]
    data, digest = manifests.manifest_encode(
        {"version": 1, "classes": builders.CLASSES, "images": images, "shards": shards}  # type: ignore[typeddict-item]
    )
    made.manifest_key, made.manifest_sha256, made.shards = f"{folder}manifest.json", digest, shards
    made.stored_bytes = manifests.stored_bytes(shards, folder)
    objects.put_bytes(made.manifest_key, data, "application/json")
    made.save()
    return made


def pictures(*names: str) -> dict[str, bytes]:
    """{content hash: content} of pictures that exist in no format."""
    return {builders.sha256(name.encode()): name.encode() for name in names}


def stored(prefix: str) -> list[str]:
    """What the store holds below a prefix, without the prefix."""
    return [key.removeprefix(prefix) for key in list_keys(prefix)]


def age(row: Any, by: timedelta) -> datetime:
    """Make a row older than it is."""
    moment = timezone.now() - by
    type(row).objects.filter(pk=row.pk).update(created_at=moment)
    return moment


def read(answer: Any, status: int = 200) -> Any:
    """The body of an answer that must have this status."""
    body = json.loads(answer.content)
    assert answer.status_code == status, body
    return body
