"""What a learner reads while the author keeps scores back, and who reads them all the same."""

import json
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import jwt
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from axons_service.exercises.models import Project
from axons_service.jobs import stream
from axons_service.jobs.history import events_after
from tests.service import builders
from tests.service.builders import Caller, Lms
from tests.service.grading.test_deadlines import HOUR, moment
from tests.service.grading.test_desk import review, rubric_spec
from tests.service.grading.test_submissions import hand_in, score, scored

pytestmark = pytest.mark.django_db
NEVER = 253_402_300_799
VALUE = 0.8125  # a figure that is found nowhere else
SCORES = ("value", "automatic_score", "score", "rubric_score")


@dataclass
class WaitingCaller(Caller):
    """A learner whose XBlock says from when on scores are seen: seconds since 1970, or None for always."""

    results_from: Any = None

    def token(self, **changes: Any) -> str:
        claims = self.lms.claims(sub=self.learner, role=self.role, usage=self.usage, **changes)
        signed = {**claims, "results_from": self.results_from}
        return jwt.encode(signed, self.lms.key, "EdDSA", headers={"kid": self.lms.kid})


@pytest.fixture
def learner(course: Lms) -> WaitingCaller:
    caller = WaitingCaller(course, results_from=int(time.time()) + HOUR)
    caller.open()
    return caller


def opened(caller: Caller) -> Any:
    return caller.open().json()


def state(caller: Caller) -> Any:
    return caller.get(f"/projects/{caller.project().pk}").json()


def told(submission: dict[str, Any]) -> list[Any]:
    return [submission[name] for name in SCORES]


def test_no_answer_to_a_learner_tells_a_hidden_score(learner: WaitingCaller) -> None:
    model = builders.model(learner.project())
    submission = str(hand_in(learner, key="k", model=model).json()["id"])
    score(submission, VALUE)
    answers = {
        "project": state(learner),
        "opening": opened(learner)["project"],
        "submission": learner.get(f"/submissions/{submission}").json(),
        "the same request again": hand_in(learner, key="k", model=model).json(),
        "events": learner.get(f"/projects/{learner.project().pk}/events", after=0).json(),
    }
    for where, answer in answers.items():
        assert str(VALUE) not in json.dumps(answer), where
    shown = answers["submission"]
    assert (shown["state"], told(shown), shown["results_withheld"]) == ("scored", [None] * 4, True)
    page = answers["project"]
    assert (page["best_score"], page["results_withheld"]) == (None, True)
    assert datetime.fromisoformat(page["results_at"]) == moment(learner.results_from)
    assert page["tries"]["used"] == 1, "a try is a try"


def test_once_the_moment_is_there_everything_is_told(learner: WaitingCaller) -> None:
    submission = scored(learner, VALUE, key="k")
    learner.results_from = int(time.time()) - 1
    page = opened(learner)["project"]
    assert (page["results_withheld"], page["results_at"], page["submissions"][0]["value"]) == (False, None, VALUE)
    assert page["best_score"] == page["submissions"][0]["score"] is not None
    events = events_after(learner.project().pk, 0, 100)
    assert events[-1]["data"]["submission"]["value"] == VALUE, "what was held back is told to whoever reads it later"
    assert learner.get(f"/submissions/{submission}").json()["results_withheld"] is False


def test_the_moment_needs_no_new_request(learner: WaitingCaller) -> None:
    scored(learner, VALUE, key="k")
    Project.objects.update(results_from=timezone.now() - timedelta(seconds=1))
    assert state(learner)["submissions"][0]["value"] == VALUE


def test_never_has_no_date(learner: WaitingCaller) -> None:
    learner.results_from = NEVER
    scored(learner, VALUE, key="k")
    page = opened(learner)["project"]
    assert (page["results_withheld"], page["results_at"], page["best_score"]) == (True, None, None)


def test_the_stream_tells_no_hidden_score(learner: WaitingCaller, course: Lms) -> None:
    other = WaitingCaller(course, learner="berta", results_from=None)
    other.open()
    scored(learner, VALUE, key="k")
    scored(other, VALUE, key="k")
    told_to = {
        each.project_id: each.data["submission"] for each in stream._new_events(0, []) if each.kind == "submission"
    }
    assert told_to[learner.project().pk]["value"] is None
    assert told_to[learner.project().pk]["results_withheld"] is True
    assert told_to[other.project().pk]["value"] == VALUE


def test_hiding_costs_the_stream_one_query_and_only_where_something_was_handed_in(learner: WaitingCaller) -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as seen:
            stream._new_events(0, [])
        return len(seen)

    before = queries()
    for number in range(3):
        scored(learner, VALUE, key=f"k{number}")
    assert queries() == before + 1


def test_graders_see_at_their_desk_what_learners_do_not(learner: WaitingCaller, grader: Caller) -> None:
    submission = scored(learner, VALUE, key="k")
    assert grader.get("/submissions").json()["results"][0]["value"] == VALUE
    assert grader.get(f"/submissions/{submission}/desk").json()["submission"]["value"] == VALUE
    assert grader.get(f"/projects/{learner.project().pk}").json()["submissions"][0]["value"] == VALUE
    assert grader.get("/overview").json()["scores"] != []


def test_of_reviews_a_learner_reads_only_what_is_to_be_done_anew(learner: WaitingCaller, grader: Caller) -> None:
    learner.open(rubric_spec())
    submission = scored(learner, VALUE, key="k")
    points = {"data": {"points": 6, "comment": "Well lit."}, "words": {"points": 1}}
    assert review(grader, submission, {"rubric": points, "comment": "Seven of ten."}, "a").status_code == 201
    assert state(learner)["submissions"][0]["reviews"] == []
    asked = {"returns": True, "comment": "Add pictures by night.", "rubric": points}
    assert review(grader, submission, asked, "b").status_code == 201
    (shown,) = state(learner)["submissions"][0]["reviews"]
    assert (shown["comment"], shown["score"], shown["rubric"]) == ("Add pictures by night.", None, {})


def test_the_lms_is_told_the_grade_that_the_learner_is_not(learner: WaitingCaller) -> None:
    assert opened(learner)["grade_book"] is None
    scored(learner, VALUE, key="k")
    book = opened(learner)["grade_book"]
    assert (book["revision"], book["delivered_revision"]) == (1, None)
    assert 0 < book["score"] <= 1
    learner.project().deliveries.update(state="delivered")
    scored(learner, 0.1, key="worse")
    book_after = opened(learner)["grade_book"]
    assert (book_after["revision"], book_after["delivered_revision"], book_after["score"]) == (2, 1, book["score"])


def test_who_was_given_more_time_by_a_grader_waits_for_it(learner: WaitingCaller, grader: Caller) -> None:
    submission = scored(learner, VALUE, key="k")
    learner.results_from = int(time.time()) - 1
    assert opened(learner)["project"]["results_withheld"] is False
    until = timezone.now() + timedelta(hours=1)
    body = {"extra_tries": 0, "extended_until": until.isoformat(), "reason": "Was ill."}
    assert grader.post(f"/submissions/{submission}/allowance", body, key="a").status_code == 200
    page = state(learner)
    assert (page["results_withheld"], datetime.fromisoformat(page["results_at"])) == (True, until)


def test_an_xblock_that_says_nothing_of_it_changes_nothing(learner: WaitingCaller) -> None:
    Caller(learner.lms).open()
    assert learner.project().results_from == moment(learner.results_from)


@pytest.mark.parametrize("results_from", ["never", -1, 1.5, True, 10**15, [1]])
def test_a_malformed_moment_is_refused(course: Lms, results_from: Any) -> None:
    answer = WaitingCaller(course, results_from=results_from).open()
    assert (answer.status_code, answer.json()["code"]) == (401, "token_claims")
