"""When handing in ends: what the LMS signs, what a grader grants, and whom the end does not bind."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from django.utils import timezone

from axons_service.exercises.models import Project
from axons_service.grading.models import Allowance, Submission
from axons_service.jobs.models import Job
from tests.service import builders
from tests.service.builders import Caller, Lms
from tests.service.grading.test_desk import review
from tests.service.grading.test_submissions import fail, hand_in, scored

pytestmark = pytest.mark.django_db
HOUR = 3600


@dataclass
class DueCaller(Caller):
    """A learner whose XBlock says when handing in ends: seconds since 1970, or None for never."""

    closes: Any = None

    def token(self, **changes: Any) -> str:
        claims = {
            **self.lms.claims(sub=self.learner, role=self.role, usage=self.usage, **changes),
            "closes": self.closes,
        }
        return jwt.encode(claims, self.lms.key, "EdDSA", headers={"kid": self.lms.kid})


@pytest.fixture
def learner(course: Lms) -> DueCaller:
    """Somebody who has an hour left."""
    caller = DueCaller(course, closes=int(time.time()) + HOUR)
    caller.open()
    return caller


def state(caller: Caller) -> Any:
    return caller.get(f"/projects/{caller.project().pk}").json()


def refused(answer: Any) -> bool:
    return (answer.status_code, answer.json().get("code")) == (409, "hand_in_closed")


def moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def test_the_page_is_told_the_end_and_before_it_all_is_as_ever(learner: DueCaller) -> None:
    shown = state(learner)
    assert (datetime.fromisoformat(shown["closes_at"]), shown["reopened"]) == (moment(learner.closes), False)
    assert hand_in(learner).status_code == 201


def test_after_the_end_nothing_is_handed_in_and_training_goes_on(learner: DueCaller) -> None:
    learner.closes = int(time.time()) - 1
    answer = hand_in(learner)
    assert refused(answer)
    day = moment(learner.closes).strftime("%d %B %Y at %H:%M UTC")
    assert answer.json()["detail"].startswith(f"Handing in ended on {day}. You can go on training for practice.")
    assert not Submission.objects.exists()
    builders.library_set(learner.lms.site, "starter", "pets")
    learner.open(builders.spec(starter_set="pets"))
    body = {"kind": "training", "training_set": state(learner)["starter_set"]["id"]}
    settings = {"architecture": "small_cnn", "epochs": 2, "learning_rate": 0.01, "batch_size": 8, "augmentation": True}
    asked = learner.post("/jobs", {**body, "hyperparameters": {**settings, "seed": 1}}, key="train")
    assert asked.status_code == 201, asked.json()


def test_the_last_second_still_counts(learner: DueCaller) -> None:
    learner.closes = int(time.time()) + 2
    assert hand_in(learner).status_code == 201


def test_what_the_lms_says_at_the_hand_in_counts_and_not_what_it_said_before(learner: DueCaller) -> None:
    learner.closes = int(time.time()) - 1
    learner.open()
    assert refused(hand_in(learner, key="late"))
    learner.closes = int(time.time()) + HOUR  # an individual extension at the LMS
    assert hand_in(learner, key="extended").status_code == 201
    assert learner.project().closes_at == moment(learner.closes)


def test_a_due_date_that_is_taken_away_closes_nothing(learner: DueCaller) -> None:
    learner.closes = int(time.time()) - 1
    learner.open()
    learner.closes = None
    assert hand_in(learner).status_code == 201
    assert state(learner)["closes_at"] is None


def test_an_xblock_that_says_nothing_of_it_changes_nothing(learner: DueCaller) -> None:
    older = Caller(learner.lms)
    older.open()
    assert learner.project().closes_at == moment(learner.closes)
    Project.objects.update(closes_at=timezone.now() - timedelta(seconds=1))
    assert refused(hand_in(older))


def test_a_request_repeated_after_the_end_gets_its_first_answer(learner: DueCaller) -> None:
    model = builders.model(learner.project())
    first = hand_in(learner, key="once", model=model)
    learner.closes = int(time.time()) - 1
    again = hand_in(learner, key="once", model=model)
    assert (again.status_code, again.json()["id"]) == (first.status_code, first.json()["id"])
    assert refused(hand_in(learner, key="twice", model=model))


def test_a_graders_extension_counts_where_it_is_the_later_one(learner: DueCaller, grader: Caller) -> None:
    submission = scored(learner, 0.6, key="k")
    learner.closes = int(time.time()) - 1
    learner.open()
    until = timezone.now() + timedelta(hours=1)
    body = {"extra_tries": 0, "extended_until": until.isoformat(), "reason": "Was ill."}
    assert grader.post(f"/submissions/{submission}/allowance", body, key="a").status_code == 200
    assert datetime.fromisoformat(state(learner)["closes_at"]) == until
    at_the_desk = grader.get(f"/submissions/{submission}/desk").json()
    assert datetime.fromisoformat(at_the_desk["closes_at"]) == until
    assert hand_in(learner, key="more").status_code == 201
    Allowance.objects.update(extended_until=timezone.now() - timedelta(seconds=1))
    assert refused(hand_in(learner, key="too late"))
    learner.closes = int(time.time()) + HOUR  # an extension that is over takes nothing from a later due date
    assert hand_in(learner, key="in time").status_code == 201


def test_what_was_given_back_may_be_handed_in_once_more(learner: DueCaller, grader: Caller) -> None:
    submission = scored(learner, 0.6, key="k")
    learner.closes = int(time.time()) - 1
    learner.open()
    assert refused(hand_in(learner, key="before"))
    assert review(grader, submission, {"returns": True, "comment": "Add pictures by night."}).status_code == 201
    assert state(learner)["reopened"] is True
    scored(learner, 0.7, key="after")
    assert state(learner)["reopened"] is False
    assert refused(hand_in(learner, key="again"))


def test_what_was_lost_by_our_fault_may_be_handed_in_again(learner: DueCaller) -> None:
    fail(hand_in(learner, key="lost").json()["id"])
    learner.closes = int(time.time()) - 1
    learner.open()
    assert state(learner)["reopened"] is True
    assert hand_in(learner, key="again").status_code == 201


def test_cancelling_a_scoring_buys_no_time(learner: DueCaller) -> None:
    submission = hand_in(learner, key="k").json()["id"]
    fail(submission)
    Job.objects.filter(submission=submission).update(failure_class="cancelled")
    learner.closes = int(time.time()) - 1
    assert refused(hand_in(learner, key="later"))


@pytest.mark.parametrize("closes", ["tomorrow", -1, 1.5, True, 10**15, [1]])
def test_a_malformed_end_is_refused(course: Lms, closes: Any) -> None:
    answer = DueCaller(course, closes=closes).open()
    assert (answer.status_code, answer.json()["code"]) == (401, "token_claims")
