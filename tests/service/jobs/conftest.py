"""A small world of one learner, and the steps of a runner as functions."""

import tempfile
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

from axons_service.compute.models import Pool, Runner
from axons_service.exercises.models import Project
from axons_service.jobs.artifacts import FileSpec, object_key
from axons_service.jobs.models import Job, Model
from axons_service.jobs.services import (
    Batch,
    Claim,
    attempt_events_append,
    attempt_finish,
    job_claim,
    job_create,
    job_dispatch,
)
from axons_service.storage import objects
from axons_service.training_sets.models import TrainingSet, Upload
from tests.service import builders

# Threads of a test share a database only when it is a file.
_database = connections["default"].settings_dict
_database["CONN_MAX_AGE"] = 0  # a thread that ends leaves no connection behind
if _database["ENGINE"].endswith("sqlite3"):
    _database["TEST"]["NAME"] = str(Path(tempfile.mkdtemp(prefix="axons-jobs-")) / "test.sqlite3")


@dataclass
class World:
    """One learner's project with a ready training set, a pool and a runner."""

    lms: builders.Lms
    pool: Pool
    project: Project
    training_set: TrainingSet
    hidden: TrainingSet
    runner: Runner
    objects: dict[str, int] = field(default_factory=dict)

    def training(self, key: str | None = None, *, project: Project | None = None, dispatch: bool = True) -> Job:
        owner = project or self.project
        training_set = self.training_set if owner == self.project else own_set(owner)
        job, _ = job_create(
            project=owner,
            kind=Job.Kind.TRAINING,
            idempotency_key=key or uuid.uuid4().hex,
            request_sha256="0" * 64,
            training_set=training_set,
            hyperparameters={"architecture": "small_cnn", "epochs": 2},
        )
        if dispatch:
            job_dispatch(job_id=job.pk)
        return job

    def inference(self, model: Model | None = None, *, dispatch: bool = True) -> Job:
        upload = Upload.objects.create(
            project=self.project, purpose="prediction", name="me.jpg", content_type="image/jpeg", bytes=3, key="tmp/me"
        )
        job, _ = job_create(
            project=self.project,
            kind=Job.Kind.INFERENCE,
            idempotency_key=uuid.uuid4().hex,
            request_sha256="0" * 64,
            model=model or builders.model(self.project),
            upload=upload,
        )
        if dispatch:
            job_dispatch(job_id=job.pk)
        return job

    def evaluation(self) -> Job:
        job, _ = job_create(
            project=self.project,
            kind=Job.Kind.EVALUATION,
            idempotency_key=uuid.uuid4().hex,
            request_sha256="0" * 64,
            model=builders.model(self.project),
        )
        job_dispatch(job_id=job.pk)
        return job

    def claim(self, *slots: str, architectures: list[str] | None = None) -> Claim | None:
        return job_claim(
            runner=self.runner, slots=list(slots or ("training", "inference")), architectures=architectures or []
        )

    def claimed(self) -> Claim:
        claim = self.claim()
        assert claim is not None, "there was nothing to claim"
        return claim

    def running(self) -> Claim:
        """A claimed training that has begun to train."""
        self.training()
        claim = self.claimed()
        self.report(claim, 1, metrics(1))
        return claim

    def report(self, claim: Claim, seq: int, *events: dict[str, Any], log: str = "") -> bool:
        batch = Batch(seq=seq, events=list(events), log=log)
        return attempt_events_append(job_id=claim.job.pk, number=claim.attempt.number, batch=batch)

    def stored(self, claim: Claim, name: str, *, purpose: str = "artifact", size: int = 10) -> FileSpec:
        """A file of the attempt that the store has."""
        key = object_key(claim.job, claim.attempt.number, purpose, name)
        self.objects[key] = size
        return FileSpec(name=name, key=key, sha256="a" * 64, bytes=size)

    def finish(self, claim: Claim, outcome: str = "succeeded", **changes: Any) -> Job:
        values: dict[str, Any] = {"files": [], "result": {}}
        if outcome == "succeeded":
            files = changes.get("files") or [self.stored(claim, name) for name in FILES[claim.job.kind]]
            values = {"files": files, "result": RESULTS[claim.job.kind]}
        return attempt_finish(
            job_id=claim.job.pk, number=claim.attempt.number, outcome=outcome, **{**values, **changes}
        )


FILES = {"training": ["model.safetensors", "model.json"], "inference": ["picture.jpg"], "evaluation": []}
RESULTS: dict[str, dict[str, Any]] = {
    "training": {
        "metrics": {"validation": {"accuracy": 0.9, "loss": 0.2}},
        "model": {"architecture": "small_cnn", "classes": ["cat", "dog"]},
    },
    "inference": {
        "probabilities": [{"label": "cat", "probability": 0.1}, {"label": "dog", "probability": 0.9}],
        "seconds": 0.1,
    },
    "evaluation": {"metrics": {"accuracy": 0.95, "loss": 0.1, "count": 20}},
}


def metrics(step: int, *, split: str = "train", loss: float = 1.0) -> dict[str, Any]:
    return {"kind": "metrics", "data": {"step": step, "epoch": 1.0, "split": split, "loss": loss, "accuracy": 0.5}}


def progress(phase: str, done: int = 1) -> dict[str, Any]:
    return {"kind": "progress", "data": {"phase": phase, "done": done, "total": 10, "unit": "images"}}


def own_set(project: Project) -> TrainingSet:
    """A ready training set of a project; its objects are nowhere."""
    return TrainingSet.objects.create(
        site=project.exercise.site,
        project=project,
        kind="project",
        title="Mine",
        version=project.training_sets.count() + 1,
        state="ready",
        classes=builders.CLASSES,
        manifest_key="own-manifest",
        manifest_sha256="1" * 64,
        shards=[{"key": "own-shard", "sha256": "2" * 64, "bytes": 5, "count": 1}],
    )


def learner_project(lms: builders.Lms, learner: str) -> Project:
    return builders.project(builders.Caller(lms, learner=learner))


def made_world(course: builders.Lms) -> World:
    """Anna's project in a course that has its pool and its hidden set."""
    pool = Pool.objects.get(name="cpu")
    project = learner_project(course, "anna")
    return World(
        lms=course,
        pool=pool,
        project=project,
        training_set=own_set(project),
        hidden=TrainingSet.objects.get(kind="hidden"),
        runner=Runner.objects.create(pool=pool, name="r1", state=Runner.State.ACTIVE),
    )


@pytest.fixture
def world(course: builders.Lms, monkeypatch: pytest.MonkeyPatch) -> World:
    """The object store is a dictionary of sizes: these tests ask only whether an object is there."""
    made = made_world(course)
    monkeypatch.setattr(
        objects, "head", lambda key: {"bytes": made.objects[key], "etag": ""} if key in made.objects else None
    )
    return made


@pytest.fixture
def real_world(transactional_db: None, world: World) -> World:
    """The same with real commits, for tests with threads."""
    return world
