"""The estimate's honesty, measured: a queue with known run times is replayed through the real code."""

import os
import random
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from axons_service.compute.models import Runner
from axons_service.exercises.models import Project
from axons_service.jobs.models import Attempt, Job
from axons_service.jobs.queue import places
from axons_service.jobs.services import Claim, job_claim
from tests.service.jobs.conftest import World, learner_project
from tests.service.jobs.test_fair_line import enrolled
from tests.service.jobs.test_queue import measure

LEARNERS, JOBS_EACH, LOOKS = 6, 2, 4
SEEDS = 16  # the starts of one replay hang together: only replays are independent


class Clock:
    """A time that the test moves; the code under test asks Django for it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = timezone.now()
        monkeypatch.setattr(timezone, "now", lambda: self.now)


@pytest.fixture
def same_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    """Equals are ordered by their ids, so these must be the same each time; `uuid4` takes its bits from here."""
    monkeypatch.setattr(os, "urandom", random.Random(0).randbytes)


@pytest.mark.slow
@pytest.mark.usefixtures("same_ids")
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("history", "slots", "limit"), [(40, 3, 1), (5, 1, None), (200, 2, None)])
def test_most_jobs_start_within_the_spread_that_was_stated(
    world: World, history: int, slots: int, limit: int | None
) -> None:
    Runner.objects.all().delete()  # the world's own would count as a free machine
    owners = [learner_project(world.lms, f"l{n}") for n in range(LEARNERS)]
    owners.append(enrolled(world, "away", "course-v1:Away+1+1"))
    inside = total = 0
    for seed in range(SEEDS):
        with transaction.atomic(), pytest.MonkeyPatch.context() as monkeypatch:
            hits, asked = _replay(world, owners, monkeypatch, random.Random(seed), history, slots, limit)
            transaction.set_rollback(True)
        inside, total = inside + hits, total + asked
    print(f"{history} measured, {slots} slots, limit {limit}: {inside} of {total} starts = {inside / total:.0%}")
    assert total > 100
    assert inside / total >= 0.8


def _replay(
    world: World,
    owners: list[Project],
    monkeypatch: pytest.MonkeyPatch,
    dice: random.Random,
    history: int,
    slots: int,
    limit: int | None,
) -> tuple[int, int]:
    """Fill the line, look at it now and then, run everything: the starts inside the spread, and all that had one."""

    def run_time() -> float:
        return dice.lognormvariate(4.0, 0.5)  # about a minute, twice as long now and then

    measure(world, [run_time() for _ in range(history)])
    clock = Clock(monkeypatch)
    runners = [Runner.objects.create(pool=world.pool, name=f"r{n}", state="active") for n in range(slots)]
    for owner in owners:
        for _ in range(JOBS_EACH):
            world.training(project=owner)
            clock.now += timedelta(milliseconds=10)
    if limit is not None:
        from axons_service.compute.models import CourseLimits

        CourseLimits.objects.filter(course_key=world.project.exercise.course_key).update(max_running=limit)
    stated: list[tuple[Any, datetime, datetime]] = []
    begun: dict[Any, datetime] = {}
    held: dict[int, tuple[datetime, Claim]] = {}
    looks = LOOKS
    while True:
        for runner in runners:
            if runner.pk not in held:
                claim = job_claim(runner=runner, slots=["training"], architectures=[])
                if claim is not None:
                    Attempt.objects.filter(pk=claim.attempt.pk).update(started_at=clock.now)
                    begun[claim.job.pk] = clock.now
                    held[runner.pk] = (clock.now + timedelta(seconds=run_time()), claim)
        if looks:
            looks -= 1
            waiting = list(Job.objects.filter(state="dispatched").select_related("turn", "spec", "project__exercise"))
            for pk, place in places(waiting).items():
                assert place.eta_low_seconds is not None
                assert place.eta_high_seconds is not None
                low, high = (timedelta(seconds=each) for each in (place.eta_low_seconds, place.eta_high_seconds))
                stated.append((pk, clock.now + low, clock.now + high))
        if not held:
            break
        pk, (ends, claim) = min(held.items(), key=lambda item: item[1][0])
        clock.now = ends
        del held[pk]
        world.finish(claim)
    assert Job.objects.filter(state="dispatched").count() == 0
    slack = timedelta(seconds=0.1)  # seconds are stated with one decimal
    return sum(low - slack <= begun[pk] <= high + slack for pk, low, high in stated), len(stated)
