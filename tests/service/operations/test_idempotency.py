"""Repeats: a lost response, a copy that is faster, another body, a crash half-way, a day later."""

import contextlib
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils import timezone

from axons_service.grading import api as grading
from axons_service.grading.models import Submission
from axons_service.jobs.models import Job
from axons_service.operations import idempotency
from axons_service.operations.models import IdempotentAnswer
from axons_service.operations.tasks import sweep
from tests.service import builders
from tests.service.builders import Caller, Lms

pytestmark = pytest.mark.django_db


@pytest.fixture
def learner(course: Lms, anna: Caller) -> Caller:
    builders.project(anna)
    return anna


def hand_in(caller: Caller, key: str = "k", model: Any = None) -> Any:
    return caller.post("/submissions", {"model": str((model or builders.model(caller.project())).pk)}, key=key)


def test_a_lost_response_is_repeated_word_for_word(learner: Caller) -> None:
    model = builders.model(learner.project())
    first = hand_in(learner, model=model)
    Job.objects.filter(kind=Job.Kind.EVALUATION).update(state="running")
    again = hand_in(learner, model=model)
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert (first.headers.get("Idempotency-Replayed"), again.headers["Idempotency-Replayed"]) == (None, "true")
    assert Submission.objects.count() == 1


def test_the_same_key_with_another_body_is_refused_with_a_sentence(learner: Caller) -> None:
    hand_in(learner)
    other = hand_in(learner)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
    assert "new key" in other.json()["detail"]
    assert Submission.objects.count() == 1


def test_a_key_is_its_owners_and_its_operations_own(learner: Caller, ben: Caller, course: Lms) -> None:
    builders.project(ben)
    assert hand_in(learner).status_code == 201
    assert hand_in(ben).status_code == 201
    assert IdempotentAnswer.objects.values("learner", "operation", "key").distinct().count() == 2
    body = {"base": None, "additions": [], "exclusions": [], "relabels": {}}
    assert learner.post("/training-sets", body, key="k").json()["code"] == "nothing_to_do"


class Elsewhere:
    """A delivery of the same request in another process: its own connection, in the middle of its work."""

    def __init__(self) -> None:
        self.lock = idempotency._lock
        self.begun, self.die = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self) -> None:
        with contextlib.suppress(OperationalError, InterfaceError), transaction.atomic():
            self.lock(self.name)
            self.begun.set()
            self.die.wait(30)
            connection.connection.close()  # as the kernel does for a process that was killed
        connection.close()

    def __call__(self, name: str) -> None:
        """In place of the lock: take it elsewhere first, then try."""
        self.name = name
        if not self.thread.ident:
            self.thread.start()
            assert self.begun.wait(30)


@pytest.mark.only_postgres
@pytest.mark.django_db(transaction=True)
def test_a_copy_waits_for_no_longer_than_the_first_runs(course: Lms, monkeypatch: pytest.MonkeyPatch) -> None:
    caller = Caller(course)
    builders.project(caller)
    model, other, lock = builders.model(caller.project()), Elsewhere(), idempotency._lock

    def taken(name: str) -> None:
        other(name)
        lock(name)

    monkeypatch.setattr(idempotency, "_lock", taken)
    copy = hand_in(caller, model=model)
    assert (copy.status_code, copy.json()["code"], copy["Retry-After"]) == (409, "idempotency_in_flight", "1")
    assert not Submission.objects.exists()
    other.die.set()
    other.thread.join(30)
    assert hand_in(caller, model=model).status_code == 201
    assert Submission.objects.count() == 1


def test_a_fault_of_ours_leaves_neither_effect_nor_answer(learner: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    model = builders.model(learner.project())

    def broken(*args: Any, **values: Any) -> None:
        raise RuntimeError

    learner.client.raise_request_exception = False
    with monkeypatch.context() as patched:
        patched.setattr(grading, "submission_output", broken)
        assert hand_in(learner, model=model).status_code == 500
    assert not Submission.objects.exists()
    assert not IdempotentAnswer.objects.exists()
    assert hand_in(learner, model=model).status_code == 201


def test_a_refusal_is_not_kept(learner: Caller, course: Lms) -> None:
    model = builders.model(learner.project(), classes=["cat", "cow"])
    assert hand_in(learner, model=model).json()["code"] == "model_classes_differ"
    model.classes = builders.CLASSES
    model.save()
    assert hand_in(learner, model=model).status_code == 201


def test_after_a_day_the_answer_is_forgotten_but_never_its_effect(learner: Caller) -> None:
    model = builders.model(learner.project())
    first = hand_in(learner, model=model)
    IdempotentAnswer.objects.update(created_at=timezone.now() - timedelta(hours=23, minutes=59))
    sweep()
    assert IdempotentAnswer.objects.exists()
    IdempotentAnswer.objects.update(created_at=timezone.now() - timedelta(hours=24, seconds=1))
    late = hand_in(learner, model=model)
    assert (late.status_code, late.json()["id"]) == (200, first.json()["id"])
    assert "Idempotency-Replayed" not in late
    IdempotentAnswer.objects.update(created_at=timezone.now() - timedelta(hours=24, seconds=1))
    sweep()
    assert not IdempotentAnswer.objects.exists()


@pytest.mark.parametrize("key", [" ", "k" * 101, "\x80", "käse"])
def test_a_key_that_no_header_can_carry_is_refused(learner: Caller, key: str) -> None:
    assert hand_in(learner, key=key).json()["code"] == "idempotency_key_missing"
    assert not Submission.objects.exists()
