"""A contest without names: who is counted, in which order, and when nothing is shown."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from axons_service.exercises.models import Project
from axons_service.exercises.specs import spec_check, spec_hash
from tests.service import builders
from tests.service.builders import Caller, Lms
from tests.service.grading.test_submissions import fail, hand_in, scored

pytestmark = pytest.mark.django_db


@pytest.fixture
def learner(course: Lms, anna: Caller) -> Caller:
    anna.open(builders.spec(leaderboard=True))
    return anna


def another(course: Lms, name: str, value: float, role: str = "learner") -> Caller:
    who = Caller(course, learner=name, role=role)
    who.open(builders.spec(leaderboard=True))
    scored(who, value, key="k")
    return who


def board(who: Caller) -> Any:
    answer = who.get("/leaderboard")
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_the_best_come_first_and_everyone_finds_their_own_place(course: Lms, learner: Caller) -> None:
    scored(learner, 0.6, key="first")
    scored(learner, 0.8, key="better")
    scored(learner, 0.5, key="worse")
    another(course, "berta", 0.9)
    another(course, "carl", 0.7)
    shown = board(learner)
    assert [(each["place"], each["value"], each["is_own"]) for each in shown["places"]] == [
        (1, 0.9, False),
        (2, 0.8, True),
        (3, 0.7, False),
    ]
    assert (shown["own"], shown["learners"]) == ({"place": 2, "value": 0.8}, 3)


def test_nobody_is_named(course: Lms, learner: Caller) -> None:
    berta = another(course, "berta", 0.9)
    text = learner.get("/leaderboard").content.decode()
    assert "berta" not in text
    assert str(berta.project().pk) not in text


def test_equal_values_share_a_place(course: Lms, learner: Caller) -> None:
    for name in ("berta", "carl"):
        another(course, name, 0.9)
    scored(learner, 0.8, key="k")
    assert [each["place"] for each in board(learner)["places"]] == [1, 1, 3]
    assert board(learner)["own"]["place"] == 3


def test_after_ten_places_there_is_ones_own(course: Lms, learner: Caller) -> None:
    for number in range(11):
        another(course, f"l{number}", 0.9 - number / 100)
    scored(learner, 0.1, key="k")
    with CaptureQueriesContext(connection) as queries:
        shown = board(learner)
    assert (len(shown["places"]), shown["own"]["place"], shown["learners"]) == (10, 12, 12)
    assert len([each for each in queries.captured_queries if "grading_submission" in each["sql"]]) == 4


def test_staff_and_what_was_never_scored_have_no_place(course: Lms, learner: Caller) -> None:
    grace = another(course, "grace", 1.0, role="grader")
    fail(hand_in(learner, key="lost").json()["id"])
    assert board(learner) == {
        "metric": "accuracy",
        "results_withheld": False,
        "learners": 0,
        "own": None,
        "places": [],
    }
    assert board(grace)["learners"] == 0


def test_another_exercise_and_another_hidden_set_are_other_contests(course: Lms, learner: Caller) -> None:
    elsewhere = Caller(course, learner="dora", usage=f"{builders.USAGE}-other")
    elsewhere.open(builders.spec(leaderboard=True))
    scored(elsewhere, 0.9, key="k")
    scored(learner, 0.8, key="k")
    builders.library_set(course.site, "hidden", "hidden-other")
    learner.open(builders.spec(leaderboard=True, hidden_test_set="hidden-other"))
    assert board(learner)["learners"] == 0


def test_while_scores_are_kept_back_there_is_no_contest(course: Lms, learner: Caller) -> None:
    another(course, "berta", 0.9)
    Project.objects.update(results_from=timezone.now() + timedelta(hours=1))
    assert board(learner) == {
        "metric": "accuracy",
        "results_withheld": True,
        "learners": 0,
        "own": None,
        "places": [],
    }


def test_without_the_authors_wish_there_is_none(course: Lms, anna: Caller) -> None:
    anna.open()
    refusal = anna.get("/leaderboard")
    assert (refusal.status_code, refusal.json()["code"]) == (404, "no_leaderboard")
    anna.open(builders.spec(leaderboard=False))
    assert anna.get("/leaderboard").status_code == 404


def test_the_wish_is_yes_or_no_and_needs_a_grade() -> None:
    assert spec_check(builders.spec(leaderboard=True)) == []
    assert spec_hash(builders.spec(leaderboard=True)) != spec_hash(builders.spec())
    assert [each["field"] for each in spec_check(builders.spec(leaderboard="yes"))] == ["leaderboard"]
    ungraded = builders.spec(leaderboard=True, grading=None)
    assert [each["field"] for each in spec_check(ungraded)] == ["leaderboard"]
