"""A small world whose ids are those of the document's examples, so that the examples themselves succeed."""

import hashlib
import json
import uuid
from datetime import timedelta
from typing import Any

from django.utils import timezone

from axons_service.compute.models import Pool, Runner
from axons_service.exercises.examples import SPEC
from axons_service.exercises.models import Exercise, Project, Spec
from axons_service.exercises.specs import spec_hash
from axons_service.grading.models import Submission
from axons_service.jobs.models import Attempt, Event, Job, Model, Prediction
from axons_service.jobs.services.claims import token_hash
from axons_service.operations import example_values as v
from axons_service.sites.services import site_register
from axons_service.storage import keys, objects
from axons_service.training_sets.manifests import manifest_encode
from axons_service.training_sets.models import TrainingSet, Upload

SITE = "campus"
KID = "k1"
POOL_TOKEN = "contract-pool-token"
ENROLLING = "cpu-0123abcd"  # as in the example
ATTEMPT_TOKEN = "contract-attempt-token"
RUNNING_JOB = uuid.UUID(v.JOB)
DONE_JOB = uuid.UUID("d1a1f1f6-9d3b-4c7e-9a3f-3f5f6e7d4a45")
MANY = 120  # more than a page


def seed(public_key: str) -> None:
    """Site, pool, library, and one learner's project with something of everything. Needs an empty database."""
    site, _ = site_register(
        slug=SITE,
        name="Campus",
        key_id=KID,
        public_key=public_key,
        callback_hosts=["lms.example.org"],
        origins=["https://lms.example.org"],
    )
    pool = Pool.objects.create(
        name="cpu", title="Processors", provider=Pool.Provider.STATIC, token_sha256=token_hash(POOL_TOKEN)
    )
    for kind, name in ((TrainingSet.Kind.STARTER, "cats-and-dogs"), (TrainingSet.Kind.HIDDEN, "cats-and-dogs-hidden")):
        pk = v.STARTER_SET if kind == TrainingSet.Kind.STARTER else uuid.uuid4()
        _training_set(TrainingSet(pk=pk, site=site, kind=kind, name=name, title="Cats and dogs"))
    spec = Spec.objects.create(site=site, hash=spec_hash(SPEC), body=SPEC)
    exercise = Exercise.objects.create(site=site, usage_key=v.USAGE, course_key=v.COURSE)
    project = Project.objects.create(pk=v.PROJECT, exercise=exercise, spec=spec, learner=v.LEARNER)
    own = TrainingSet(pk=v.TRAINING_SET, site=site, kind=TrainingSet.Kind.PROJECT, project=project, title="Version 2")
    own.version = 2
    _training_set(own)
    _upload(project)
    runner = Runner.objects.create(pool=pool, name="seeded", state=Runner.State.ACTIVE)
    Runner.objects.create(pool=pool, name=ENROLLING)
    common: dict[str, Any] = {"project": project, "spec": spec, "pool": pool, "time_limit_seconds": 1200}
    running = _job(common, pk=RUNNING_JOB, state=Job.State.RUNNING, attempt=1, training_set=own)
    Attempt.objects.create(
        job=running,
        number=1,
        runner=runner,
        token_sha256=token_hash(ATTEMPT_TOKEN),
        lease_expires_at=timezone.now() + timedelta(hours=1),
    )
    Event.objects.bulk_create(
        Event(project=project, job=running, seq=seq, attempt=1, kind="metrics", data=_metrics(seq))
        for seq in range(1, MANY)
    )
    Job.objects.filter(pk=running.pk).update(event_seq=MANY)
    done = _job(common, pk=DONE_JOB, state=Job.State.SUCCEEDED, attempt=1, training_set=own)
    model = Model.objects.create(
        pk=v.MODEL,
        site=site,
        project=project,
        job=done,
        source=Model.Source.TRAINED,
        title="Model 1",
        architecture="small_cnn",
        classes=v.CLASSES,
        metrics={"validation": {"accuracy": 0.92}},
        files=[{"name": "model.safetensors", "key": "k", "sha256": v.SHA256, "bytes": 1}],
    )
    inference = _job(common, kind=Job.Kind.INFERENCE, state=Job.State.SUCCEEDED, model=model)
    Prediction.objects.create(
        pk=v.PREDICTION, job=inference, model=model, file="a.jpg", probabilities=[], seconds=0.04, files=[]
    )
    _submission(common, model, pk=v.SUBMISSION, state=Submission.State.SCORED)
    others = Project.objects.bulk_create(
        Project(exercise=exercise, spec=spec, learner=f"learner-{number}") for number in range(MANY)
    )
    for other in others:
        _submission({**common, "project": other}, model, state=Submission.State.SCORED)


def _metrics(seq: int) -> dict[str, Any]:
    return {"split": "train", "step": seq, "epoch": 1, "loss": 1 / seq, "accuracy": 0.5}


def _job(common: dict[str, Any], **values: Any) -> Job:
    fresh = {"kind": Job.Kind.TRAINING, "idempotency_key": uuid.uuid4().hex, "request_sha256": "0" * 64}
    return Job.objects.create(**{**common, **fresh, **values})


def _submission(common: dict[str, Any], model: Model, **values: Any) -> None:
    Submission.objects.create(
        project=common["project"],
        model=model,
        job=_job(common, kind=Job.Kind.EVALUATION, state=Job.State.SUCCEEDED, model=model),
        spec=common["spec"],
        metric="accuracy",
        value=0.925,
        automatic_score=1.0,
        final_score=1.0,
        idempotency_key=uuid.uuid4().hex,
        **values,
    )


def _training_set(row: TrainingSet) -> None:
    """A ready set whose manifest lies in the store."""
    images = [
        {
            "sha256": hashlib.sha256(f"{row.pk} {number}".encode()).hexdigest(),
            "label": v.CLASSES[number % 2],
            "split": "test" if row.kind == TrainingSet.Kind.HIDDEN else ("train", "train", "validation")[number % 3],
            "name": f"{number}.jpg",
            "width": 64,
            "height": 48,
        }
        for number in range(MANY)
    ]
    data, sha256 = manifest_encode({"version": 1, "classes": v.CLASSES, "images": images, "shards": []})  # type: ignore[typeddict-item]
    row.manifest_key, row.manifest_sha256 = f"{keys.training_set_prefix(row)}manifest.json", sha256
    objects.put_bytes(row.manifest_key, data, "application/json")
    row.state, row.classes, row.image_count = TrainingSet.State.READY, v.CLASSES, MANY
    row.counts = {label: {"train": 40, "validation": 20} for label in v.CLASSES}
    row.licence = "CC0-1.0"
    row.save(force_insert=True)


def _upload(project: Project) -> None:
    upload = Upload(
        pk=v.UPLOAD, project=project, purpose=Upload.Purpose.PREDICTION, name="a.jpg", content_type="image/jpeg"
    )
    upload.bytes, upload.created_at = 3, timezone.now()
    upload.key = keys.tmp_key(upload)
    objects.put_bytes(upload.key, json.dumps(1).encode(), "image/jpeg")
    upload.save(force_insert=True)
