"""Random histories of jobs, runners, lost messages and clocks against the real services and the database."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, ClassVar
from unittest import mock
from uuid import UUID

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from axons_service.grading.models import GradeDelivery, Submission
from axons_service.grading.selectors import project_tries
from axons_service.grading.services import submission_create
from axons_service.jobs.artifacts import model_id
from axons_service.jobs.failures import FailureClass
from axons_service.jobs.models import Attempt, Checkpoint, Event, Job, Model
from axons_service.jobs.services import Claim, checkpoint_record, job_cancel, job_dispatch, runner_lost
from axons_service.jobs.services.reconcile import jobs_reconcile
from axons_service.jobs.states import HELD, TABLE, TERMINAL, State
from axons_service.operations.problems import Problem
from tests.service import builders
from tests.service.jobs.conftest import World, metrics, progress

START = timezone.now()
MOVES = {(source, rule.target) for rule in TABLE.values() for source in rule.sources}
CLASSES = st.sampled_from([each for each in FailureClass if each is not FailureClass.CANCELLED])
OUTCOMES = st.sampled_from(["succeeded", "failed", "cancelled", "released"])


class Lifecycle(RuleBasedStateMachine):
    """What may happen to jobs, in any order. Every claim ever made stays in play, so most writers are stale."""

    world: ClassVar[World]
    jobs = Bundle("jobs")
    claims = Bundle("claims")

    def __init__(self) -> None:
        super().__init__()
        self.time = START
        self.step = 0
        self.path: dict[UUID, State] = {}
        self.ended: dict[UUID, dict[str, Any]] = {}
        self.read_to = Event.objects.order_by("-id").values_list("id", flat=True).first() or 0
        self.clock = mock.patch("django.utils.timezone.now", self._now)
        self.clock.start()
        self.sandbox = transaction.atomic()
        self.sandbox.__enter__()
        self.model = builders.model(self.world.project)
        self.made: list[UUID] = []
        self.world.objects.clear()

    def teardown(self) -> None:
        try:
            self.everything_ends()
        finally:
            transaction.set_rollback(True)
            self.sandbox.__exit__(None, None, None)
            self.clock.stop()

    # What people and messages do

    @rule(target=jobs, twice=st.booleans(), delivered=st.booleans())
    @precondition(lambda self: len(self.made) < 4)
    def submit(self, twice: bool, delivered: bool) -> Any:
        key = f"training-{len(self.made)}"
        job = self.world.training(key, dispatch=False)
        if twice:
            assert self.world.training(key, dispatch=False).pk == job.pk
        if delivered:
            job_dispatch(job_id=job.pk)
        return self._made(job.pk)

    @rule(target=jobs)
    @precondition(lambda self: project_tries(self.world.project).left)
    def hand_in(self) -> Any:
        submission, _ = submission_create(
            project=self.world.project,
            model_id=self.model.pk,
            idempotency_key=f"submission-{len(self.made)}",
            request_sha256="0" * 64,
        )
        job_dispatch(job_id=submission.job_id)
        return self._made(submission.job_id)

    @rule(job=jobs)
    def deliver_dispatch(self, job: UUID) -> None:
        """Once, twice, late or never: messages promise nothing."""
        job_dispatch(job_id=job)

    @rule(job=jobs)
    def cancel(self, job: UUID) -> None:
        job_cancel(job_id=job)

    # What runners do

    @rule(target=claims)
    @precondition(lambda self: State.DISPATCHED in self.path.values())
    def claim(self) -> Any:
        claim = self.world.claim()
        return multiple() if claim is None else claim

    @rule(claim=claims, work=st.sampled_from(["heartbeat", "fetching", "training", "metrics"]))
    def report(self, claim: Claim, work: str) -> None:
        self.step += 1
        events = {"heartbeat": [], "metrics": [metrics(self.step)]}.get(work, [progress(work, self.step)])
        with self.fenced(claim):
            asked = self.world.report(claim, self.step, *events)
            assert asked == Job.objects.get(pk=claim.job.pk).cancel_requested

    @rule(claim=claims)
    def checkpoint(self, claim: Claim) -> None:
        self.step += 1
        file = self.world.stored(claim, f"{self.step}.pt", purpose="checkpoint")
        with self.fenced(claim):
            checkpoint_record(job_id=claim.job.pk, number=claim.attempt.number, step=self.step, epoch=1, file=file)

    @rule(claim=claims, outcome=OUTCOMES, failure_class=CLASSES, again=st.booleans())
    def finish(self, claim: Claim, outcome: str, failure_class: FailureClass, again: bool) -> None:
        """`again`: the answer was lost, so the runner says it once more."""
        attempt = Attempt.objects.get(pk=claim.attempt.pk)
        if attempt.outcome == outcome:  # the same end once more is answered, and changes nothing
            before = self.snapshot()
            self.world.finish(claim, outcome, failure_class=failure_class)
            assert self.snapshot() == before
            return
        with self.fenced(claim):
            self.world.finish(claim, outcome, failure_class=failure_class)
        if again and Attempt.objects.get(pk=claim.attempt.pk).outcome == outcome:
            before = self.snapshot()
            self.world.finish(claim, outcome, failure_class=failure_class)
            assert self.snapshot() == before

    @rule()
    def runner_dies(self) -> None:
        runner_lost(runner=self.world.runner)

    # What time does

    @rule(seconds=st.sampled_from([1, 6, 11, 65, 95, 650, 1300, 3000, 90_000]))
    def wait(self, seconds: int) -> None:
        self.time += timedelta(seconds=seconds)

    @rule()
    def reconcile(self) -> None:
        jobs_reconcile()

    # What must hold after every step

    @invariant()
    def promises_hold(self) -> None:
        jobs = list(Job.objects.filter(pk__in=self.made).prefetch_related("attempts"))
        models = {model.job_id: model for model in Model.objects.filter(job__in=jobs)}
        self.states_move_along_the_table(jobs)
        for job in jobs:
            attempts = sorted(job.attempts.all(), key=lambda attempt: attempt.number)
            self.an_ended_job_never_changes(job)
            self.attempts_are_numbered_and_at_most_one_lives(job, attempts)
            self.it_leaves_exactly_what_its_one_good_attempt_made(job, attempts, models.get(job.pk))
            self.an_end_that_is_no_success_has_a_class_and_a_sentence(job)
        self.only_a_score_costs_a_try_and_brings_one_grade()

    def states_move_along_the_table(self, jobs: list[Job]) -> None:
        fresh = Event.objects.filter(id__gt=self.read_to, kind="state").order_by("id")
        for pk, job_id, data in fresh.values_list("id", "job_id", "data"):
            self.read_to = pk
            state, before = State(data["state"]), self.path.get(job_id)
            if before is None:
                assert state is State.QUEUED
            else:
                asked_to_cancel = state is before and data["cancel_requested"]
                assert (before, state) in MOVES or asked_to_cancel, (before, state)
            self.path[job_id] = state
        assert self.path == {job.pk: State(job.state) for job in jobs}

    def an_ended_job_never_changes(self, job: Job) -> None:
        if job.state in TERMINAL:
            row = {field.attname: getattr(job, field.attname) for field in Job._meta.concrete_fields}
            assert self.ended.setdefault(job.pk, row) == row

    def attempts_are_numbered_and_at_most_one_lives(self, job: Job, attempts: list[Attempt]) -> None:
        assert [attempt.number for attempt in attempts] == list(range(1, job.attempt + 1))
        living = [attempt.number for attempt in attempts if attempt.ended_at is None]
        assert living == ([job.attempt] if job.state in HELD else [])
        assert all(bool(attempt.outcome) == (attempt.ended_at is not None) for attempt in attempts)

    def it_leaves_exactly_what_its_one_good_attempt_made(
        self, job: Job, attempts: list[Attempt], model: Model | None
    ) -> None:
        good = [attempt.number for attempt in attempts if attempt.outcome == "succeeded"]
        assert good == ([job.attempt] if job.state == State.SUCCEEDED else [])
        assert (model is not None) == (bool(good) and job.kind == Job.Kind.TRAINING)
        if model is not None:
            assert model.pk == model_id(job, job.attempt)
            assert all(f"/models/{model.pk}/" in file["key"] for file in model.files)

    def an_end_that_is_no_success_has_a_class_and_a_sentence(self, job: Job) -> None:
        unhappy = job.state in (State.FAILED, State.CANCELLED)
        assert unhappy == (job.failure_class in list(FailureClass)) == job.failure_message.endswith(".")
        cancelled = job.state == State.CANCELLED
        assert cancelled == (job.failure_class == FailureClass.CANCELLED)
        assert job.cancel_requested or not cancelled

    def only_a_score_costs_a_try_and_brings_one_grade(self) -> None:
        tries = project_tries(self.world.project)
        states = list(Submission.objects.values_list("state", "job__state"))
        assert tries.used == states.count(("scored", "succeeded")) == GradeDelivery.objects.count()
        assert tries.scoring == sum(state == "scoring" and job not in TERMINAL for state, job in states)
        assert tries.used + tries.scoring == sum(state != "failed" for state, _ in states)

    def everything_ends(self) -> None:
        """Whatever happened: with a runner that works, every job comes to its end."""
        for _ in range(12):
            self.time += timedelta(seconds=95)
            jobs_reconcile()
            while (claim := self.world.claim()) is not None:
                self.world.finish(claim)
            self.promises_hold()
            if self.path.keys() == self.ended.keys():
                return
        raise AssertionError({job: state for job, state in self.path.items() if state not in TERMINAL})

    # Helpers

    def _made(self, job: UUID) -> UUID:
        self.made.append(job)
        return job

    def _now(self) -> datetime:
        return self.time

    def snapshot(self) -> list[Any]:
        tables: list[Any] = [Job, Attempt, Event, Checkpoint, Model, Submission, GradeDelivery]
        return [list(table.objects.order_by("pk").values()) for table in tables]

    @contextmanager
    def fenced(self, claim: Claim) -> Iterator[None]:
        """A write of the living attempt is taken; any other is refused with 409 and changes nothing."""
        attempt = Attempt.objects.get(pk=claim.attempt.pk)
        if attempt.ended_at is None:
            yield
            return
        before = self.snapshot()
        with pytest.raises(Problem) as refused:
            yield
        assert (refused.value.status_code, refused.value.problem_code) == (409, "attempt_superseded")
        assert self.snapshot() == before


def test_any_history_of_a_job_keeps_its_promises(world: World) -> None:
    class Here(Lifecycle):
        pass

    Here.world = world
    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=20,
            stateful_step_count=30,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],  # thirty steps can be read; to shrink them takes longer than a test may
        ),
    )
