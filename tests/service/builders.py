"""Values for tests: signed requests, sites, projects, sets and models, with as little as the test needs said."""

import hashlib
import json
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.test import Client

from axons_service.compute.models import Pool
from axons_service.exercises.models import Exercise, Project, Spec
from axons_service.exercises.specs import spec_hash
from axons_service.jobs.models import Job, Model
from axons_service.sites.keys import public_key_pem
from axons_service.sites.models import Site, SiteKey
from axons_service.training_sets.models import TrainingSet

COURSE = "course-v1:Demo+AX1+2026"
USAGE = "block-v1:Demo+AX1+2026+type@axons+block@one"
CALLBACK = "https://lms.example.org/grade"
CLASSES = ["cat", "dog"]


def spec(**changes: Any) -> dict[str, Any]:
    """A valid training spec without a starter set, graded on the hidden set `hidden-pets`."""
    body = {
        "version": 1,
        "kind": "training",
        "task": "classification",
        "starter_set": None,
        "hidden_test_set": "hidden-pets",
        "model": None,
        "own_pictures": True,
        "architectures": ["efficientnet_lite0", "small_cnn"],
        "hyperparameters": {
            "epochs": {"min": 1, "max": 40, "default": 15},
            "learning_rate": {"min": 0.0001, "max": 0.1, "default": 0.003},
            "batch_size": {"min": 8, "max": 128, "default": 32},
            "augmentation": {"default": True},
            "seed": {"default": 0},
        },
        "pool": "cpu",
        "time_limit_minutes": 20,
        "max_tries": 3,
        "grading": {
            "metric": "accuracy",
            "thresholds": [{"at_least": 0.5, "score": 0.5}, {"at_least": 0.9, "score": 1.0}],
        },
    }
    return {**body, **changes}


@dataclass
class Lms:
    """A registered LMS that signs requests."""

    site: Site
    key: Ed25519PrivateKey
    kid: str = "k1"

    def claims(self, **changes: Any) -> dict[str, Any]:
        now = int(time.time())
        claims = {
            "iss": self.site.slug,
            "aud": "axons-service",
            "sub": "anna",
            "course": COURSE,
            "usage": USAGE,
            "role": "learner",
            "iat": now,
            "exp": now + 60,
            "jti": uuid.uuid4().hex,
        }
        return {name: value for name, value in {**claims, **changes}.items() if value is not None}

    def token(self, *, key: Any = None, algorithm: str = "EdDSA", kid: str | None = None, **changes: Any) -> str:
        headers = {"kid": kid or self.kid}
        return jwt.encode(self.claims(**changes), key or self.key, algorithm, headers=headers)


def lms(slug: str = "campus", **changes: Any) -> Lms:
    """Register a site with a fresh key."""
    key = Ed25519PrivateKey.generate()
    defaults = {"name": slug, "callback_hosts": ["lms.example.org"], "origins": ["https://studio.example.org"]}
    site = Site.objects.create(slug=slug, **{**defaults, **changes})
    SiteKey.objects.create(site=site, kid="k1", public_key=public_key_pem(key.public_key()))
    return Lms(site, key)


@dataclass
class Caller:
    """One person's requests through an LMS, each freshly signed."""

    lms: Lms
    learner: str = "anna"
    role: str = "learner"
    usage: str = USAGE
    client: Client = field(default_factory=Client)

    def token(self, **changes: Any) -> str:
        return self.lms.token(**{"sub": self.learner, "role": self.role, "usage": self.usage, **changes})

    def get(self, path: str, **query: Any) -> Any:
        return self.client.get(f"/api/v1{path}", query, headers={"Authorization": f"Bearer {self.token()}"})

    def post(self, path: str, body: Any = None, *, key: str | None = None) -> Any:
        headers = {"Authorization": f"Bearer {self.token()}"}
        if key is not None:
            headers["Idempotency-Key"] = key
        return self.client.post(
            f"/api/v1{path}", json.dumps({} if body is None else body), content_type="application/json", headers=headers
        )

    def open(self, body: dict[str, Any] | None = None, callback_url: str | None = CALLBACK) -> Any:
        return self.post("/projects/open", {"spec": body or spec(), "callback_url": callback_url})

    def project(self) -> Project:
        """The person's project as the database has it."""
        return Project.objects.select_related("exercise__site", "spec").get(
            exercise__usage_key=self.usage, learner=self.learner, exercise__site=self.lms.site
        )


def pool(name: str = "cpu") -> Pool:
    return Pool.objects.create(name=name, title="Processors", provider=Pool.Provider.STATIC, token_sha256="0" * 64)


def library_set(site: Site, kind: str, name: str, *, classes: list[str] | None = None, version: int = 1) -> TrainingSet:
    """A ready library set as a row; its objects are nowhere."""
    labels = classes or CLASSES
    return TrainingSet.objects.create(
        site=site,
        kind=kind,
        name=name,
        title=name.replace("-", " "),
        version=version,
        state=TrainingSet.State.READY,
        classes=labels,
        counts={label: {"train": 8, "validation": 2} for label in labels},
        image_count=10 * len(labels),
        manifest_key="none",
        manifest_sha256="0" * 64,
        licence="CC0",
    )


def project(owner: Caller, body: dict[str, Any] | None = None) -> Project:
    """A project without a request."""
    content = body or spec()
    row, _ = Spec.objects.get_or_create(site=owner.lms.site, hash=spec_hash(content), defaults={"body": content})
    exercise, _ = Exercise.objects.get_or_create(
        site=owner.lms.site, usage_key=owner.usage, defaults={"course_key": COURSE}
    )
    return Project.objects.create(exercise=exercise, learner=owner.learner, spec=row, callback_url=CALLBACK)


def model(owner: Project, *, classes: list[str] | None = None, state: str = Job.State.SUCCEEDED) -> Model:
    """A model that a training job of the project left."""
    job = Job.objects.create(
        project=owner,
        spec=owner.spec,
        pool=Pool.objects.get(name="cpu"),
        kind=Job.Kind.TRAINING,
        state=state,
        idempotency_key=uuid.uuid4().hex,
        request_sha256="0" * 64,
        time_limit_seconds=60,
    )
    return Model.objects.create(
        site=owner.exercise.site,
        project=owner,
        job=job,
        source=Model.Source.TRAINED,
        title="Model 1",
        architecture="small_cnn",
        classes=classes or CLASSES,
        files=[{"name": "model.safetensors", "key": "k", "sha256": "0" * 64, "bytes": 1}],
    )


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
