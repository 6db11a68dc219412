"""Rows to measure with: a registered LMS, learners with projects, pools, jobs in any state, submissions."""

from __future__ import annotations

import hashlib
import time
import uuid
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

POOL_TOKEN = "the-pool-token-of-the-benchmark"
COURSE = "course-v1:Bench+AX1+2026"
ATTEMPTS = 10
USAGE = "block-v1:Bench+AX1+2026+type@axons+block@one"


@dataclass
class World:
    """What the clients need to know of the rows."""

    key: Ed25519PrivateKey
    site_id: int
    projects: list[uuid.UUID] = field(default_factory=list)
    sets: list[uuid.UUID] = field(default_factory=list)

    def token(self, learner: int, role: str = "learner", usage: str = USAGE) -> str:
        """A signed request's bearer, good once."""
        now = int(time.time())
        claims = {
            "iss": "bench",
            "aud": "axons-service",
            "sub": f"learner-{learner}",
            "course": COURSE,
            "usage": usage,
            "role": role,
            "iat": now,
            "exp": now + 60,
            "jti": uuid.uuid4().hex,
        }
        return jwt.encode(claims, self.key, "EdDSA", headers={"kid": "k1"})


def world_create(learners: int) -> World:
    """A site, an exercise with that many projects, each with a ready training set, and a static pool."""
    from axons_service.compute.models import Pool
    from axons_service.exercises.models import Exercise, Project, Spec
    from axons_service.exercises.specs import spec_hash
    from axons_service.sites.keys import public_key_pem
    from axons_service.sites.models import Site, SiteKey
    from axons_service.training_sets.models import TrainingSet
    from tests.service.builders import spec

    key = Ed25519PrivateKey.generate()
    site = Site.objects.create(slug="bench", name="bench", callback_hosts=[], origins=[])
    SiteKey.objects.create(site=site, kid="k1", public_key=public_key_pem(key.public_key()))
    digest = hashlib.sha256(POOL_TOKEN.encode()).hexdigest()
    Pool.objects.create(name="cpu", title="Processors", provider="static", token_sha256=digest)
    body = spec()
    row = Spec.objects.create(site=site, hash=spec_hash(body), body=body)
    exercise = Exercise.objects.create(site=site, usage_key=USAGE, course_key=COURSE)
    projects = Project.objects.bulk_create(
        Project(exercise=exercise, spec=row, learner=f"learner-{number}") for number in range(learners)
    )
    sets = TrainingSet.objects.bulk_create(
        TrainingSet(
            site=site,
            project=project,
            kind="project",
            title="Mine",
            state="ready",
            classes=["cat", "dog"],
            image_count=200,
            manifest_key="bench/manifest.json",
            manifest_sha256="1" * 64,
            shards=[{"key": "bench/shard", "sha256": "2" * 64, "bytes": 5, "count": 1}],
        )
        for project in projects
    )
    return World(key, site.pk, [project.pk for project in projects], [each.pk for each in sets])


def jobs_create(world: World, count: int, state: str = "dispatched", kind: str = "training") -> list[uuid.UUID]:
    """Jobs in a state, spread over the learners, one second apart; those that wait for a runner have their turns."""
    from django.utils import timezone

    from axons_service.compute.models import Pool
    from axons_service.exercises.models import Project, Spec
    from axons_service.jobs.models import Job
    from axons_service.jobs.services.turns import turn_of, turns_tidy

    spec, pool, now = Spec.objects.get(), Pool.objects.get(), timezone.now()
    size = len(world.projects)
    projects = Project.objects.select_related("exercise").in_bulk(world.projects[:count])
    turns = {pk: turn_of(project=project, pool_id=pool.pk, kind=kind) for pk, project in projects.items()}
    jobs = Job.objects.bulk_create(
        (
            Job(
                project_id=world.projects[number % size],
                training_set_id=world.sets[number % size],
                spec=spec,
                pool=pool,
                turn=turns[world.projects[number % size]],
                kind=kind,
                state=state,
                hyperparameters={"architecture": "small_cnn", "epochs": 2},
                idempotency_key=uuid.uuid4().hex,
                request_sha256="0" * 64,
                time_limit_seconds=1200,
                dispatched_at=now,
            )
            for number in range(count)
        ),
        batch_size=2000,
    )
    for number, job in enumerate(jobs):
        job.created_at = now - timedelta(seconds=count - number)  # `auto_now_add` sets it at the first write
    Job.objects.bulk_update(jobs, ["created_at"], batch_size=1000)
    turns_tidy()
    analyze()
    return [job.pk for job in jobs]


def running_create(world: World, count: int) -> list[tuple[uuid.UUID, str]]:
    """Running jobs, each with an attempt whose token is known."""
    from django.utils import timezone

    from axons_service.compute.models import Pool, Runner
    from axons_service.jobs.models import Attempt, Job

    ids = jobs_create(world, count, state="running")
    Job.objects.filter(pk__in=ids).update(attempt=1)
    runner, _ = Runner.objects.get_or_create(pool=Pool.objects.get(), name="bench-holder", defaults={"state": "active"})
    lease = timezone.now() + timedelta(hours=1)
    tokens = [uuid.uuid4().hex for _ in ids]
    Attempt.objects.bulk_create(
        Attempt(
            job_id=job,
            number=1,
            runner=runner,
            token_sha256=hashlib.sha256(token.encode()).hexdigest(),
            lease_expires_at=lease,
        )
        for job, token in zip(ids, tokens, strict=True)
    )
    return list(zip(ids, tokens, strict=True))


def submissions_create(world: World, count: int) -> None:
    """Scored submissions of one exercise, spread over its learners, each with two grades and some with a review."""
    from django.utils import timezone

    from axons_service.exercises.models import Spec
    from axons_service.grading.models import GradeDelivery, Review, Submission
    from axons_service.jobs.models import Model

    spec = Spec.objects.get()
    size = len(world.projects)
    model = Model.objects.create(site_id=world.site_id, source="supplied", name="m", title="m", architecture="cnn")
    jobs = jobs_create(world, count, state="succeeded", kind="evaluation")
    submissions = Submission.objects.bulk_create(
        (
            Submission(
                project_id=world.projects[number % size],
                model=model,
                job_id=job,
                spec=spec,
                state="scored",
                metric="accuracy",
                value=0.9,
                metrics={"accuracy": 0.9, "confusion_matrix": [[9, 1], [1, 9]]},
                automatic_score=1.0,
                final_score=1.0,
                idempotency_key=uuid.uuid4().hex,
            )
            for number, job in enumerate(jobs)
        ),
        batch_size=2000,
    )
    Review.objects.bulk_create(
        (
            Review(submission=each, grader="greta", comment="Well done.", idempotency_key=uuid.uuid4().hex)
            for each in submissions[::3]
        ),
        batch_size=2000,
    )
    now = timezone.now()
    revisions = dict.fromkeys(world.projects, 0)
    deliveries: list[Any] = []
    for each in submissions:
        revisions[each.project_id] += 1
        deliveries.append(
            GradeDelivery(
                project_id=each.project_id,
                submission=each,
                revision=revisions[each.project_id],
                score=1.0,
                reason="scored",
                state="delivered",
                due_at=now,
            )
        )
    GradeDelivery.objects.bulk_create(deliveries, batch_size=2000)
    analyze()


def jobs_forget() -> None:
    """Back to a service without jobs; again if the worker, which still dispatches, is in the way."""
    from django.db import OperationalError, connection

    tables = "axons_jobs_job, axons_jobs_event, axons_jobs_learnerturn, axons_jobs_courseturn, axons_sites_usedtoken"
    for attempt in range(ATTEMPTS):
        try:
            with connection.cursor() as cursor:
                cursor.execute(f"TRUNCATE {tables} CASCADE")
            break
        except OperationalError:  # a deadlock
            if attempt == ATTEMPTS - 1:
                raise
    analyze()


def submissions_forget() -> None:
    """Back to a service without submissions."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE axons_grading_submission CASCADE")


def analyze() -> None:
    """What autovacuum would have done within its minute."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
