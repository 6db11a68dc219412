"""A runner takes a job: one winner by compare-and-swap, a lease, and a token for this attempt alone."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from axons_service.compute.models import Pool, Runner
from axons_service.exercises.models import Project
from axons_service.jobs.models import Attempt, Job
from axons_service.jobs.services.moves import job_move
from axons_service.jobs.states import Move, State

SLOT_KINDS: dict[str, tuple[str, ...]] = {
    "inference": (Job.Kind.INFERENCE,),
    "training": (Job.Kind.TRAINING, Job.Kind.EVALUATION),
}
CANDIDATES = 20
ROUNDS = 3  # how often others may take all candidates before the runner polls again
ASSIGNED = ("project__exercise__site", "spec", "pool", "training_set")


@dataclass(frozen=True)
class Claim:
    """What a winner gets. `token` exists nowhere else: the database has only its hash."""

    job: Job
    attempt: Attempt
    token: str


def token_hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def lease_seconds() -> float:
    return float(settings.AXONS_LEASE_SECONDS)


def lease_until() -> datetime:
    return timezone.now() + timedelta(seconds=lease_seconds())


def claimable(pool: Pool) -> QuerySet[Job]:
    """Dispatched jobs of a pool in the order of fairness: inference first, then least recent compute, then age."""
    now = timezone.now()
    return (
        Job.objects.filter(pool=pool, state=State.DISPATCHED, cancel_requested=False)
        .filter(Q(not_before__isnull=True) | Q(not_before__lte=now))
        .annotate(is_inference=Q(kind=Job.Kind.INFERENCE))
        .order_by("-is_inference", F("project__last_compute_at").asc(nulls_first=True), "created_at")
    )


def job_claim(*, runner: Runner, slots: list[str], architectures: list[str]) -> Claim | None:
    """The next job for this runner's free slots; None when there is none. Losing a race tries the next candidate."""
    if runner.state == Runner.State.STOPPING:
        return None
    kinds = [kind for slot in slots for kind in SLOT_KINDS.get(slot, ())]
    # Only narrow rows are sorted, and nothing is locked: the usual answer of a long poll costs one query.
    waiting = claimable(runner.pool).filter(kind__in=kinds)
    candidates = waiting.values_list("pk", "kind", "hyperparameters__architecture")[:CANDIDATES]
    for _ in range(ROUNDS):
        wanted = [pk for pk, kind, name in candidates.all() if _can_run(kind, name, architectures)]
        if not wanted:
            return None
        for job_id in wanted:
            claim = _claim(job_id, runner)
            if claim is not None:
                return claim
    return None


def _can_run(kind: str, architecture: str | None, architectures: list[str]) -> bool:
    return kind != Job.Kind.TRAINING or not architectures or architecture in architectures


@transaction.atomic
def _claim(job_id: UUID, runner: Runner) -> Claim | None:
    """This job for this runner, unless another runner has it or takes it just now."""
    row = Job.objects.filter(pk=job_id, state=State.DISPATCHED, cancel_requested=False)
    if connection.features.has_select_for_update_skip_locked:
        row = row.select_for_update(skip_locked=True, of=("self",), no_key=True)
    job = row.select_related(*ASSIGNED).first()
    return None if job is None else _take(job, runner)


def _take(job: Job, runner: Runner) -> Claim | None:
    now = timezone.now()
    number = job.attempt + 1
    if not job_move(job=job, move=Move.CLAIM, attempt=number, started_at=job.started_at or now, progress=None):
        return None
    token = secrets.token_urlsafe(32)
    attempt = Attempt.objects.create(
        job=job, number=number, runner=runner, token_sha256=token_hash(token), lease_expires_at=lease_until()
    )
    if job.kind != Job.Kind.INFERENCE:
        Project.objects.filter(pk=job.project_id).update(last_compute_at=now)
    Runner.objects.filter(pk=runner.pk).update(busy_at=now)
    return Claim(job, attempt, token)
