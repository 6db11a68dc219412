"""The grader's list and reviews: course staff alone, names from the LMS alone."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import pytest

from tests.xblock.platform import (
    CourseKey,
    CourseMasquerade,
    StudioRuntime,
    UsageKey,
    User,
    UserService,
    anonymous,
    anonymous_id,
)
from tests.xblock.support import ADA, BOB, GRACE, TrainingService, call, error, make_block, settings

STAFF = [
    ("staff_desk", {"action": "list"}),
    ("staff_submissions", {}),
    ("staff_leakage", {}),
    ("staff_hidden", {}),
    ("staff_overview", {}),
    ("staff_overview_learners", {}),
    ("staff_not_started", {}),
    ("staff_review", {"submission": "s-1", "score": 0.5, "comment": "", "idempotency_key": "k"}),
]
VIEWING_AS_LEARNER = User(
    GRACE.id, "grace", is_staff_of_course=True, masquerade_settings={CourseKey(): CourseMasquerade("student")}
)


def staff_block(service: TrainingService, **more: Any) -> Any:
    return make_block(**{"user": GRACE, "xblock_settings": settings(service.url), **more})


@pytest.mark.parametrize(("handler", "data"), STAFF)
@pytest.mark.parametrize("user", [ADA, anonymous(), VIEWING_AS_LEARNER])
def test_who_is_not_course_staff_is_refused(
    service: TrainingService, handler: str, data: dict[str, Any], user: User
) -> None:
    block = staff_block(service, user=user)

    assert error(call(block, handler, data)) == (403, "staff_only")
    assert service.received == []


@pytest.mark.parametrize(("handler", "data"), STAFF)
def test_studio_is_not_the_place_to_grade(service: TrainingService, handler: str, data: dict[str, Any]) -> None:
    class StaffStudioRuntime(StudioRuntime):
        """openedx/core/djangoapps/xblock/runtime/runtime.py says who is global staff, in Studio too."""

        def prepare_for(self, user: User) -> None:
            super().prepare_for(user)
            self._services["user"] = UserService(user, self.people)

    assert error(call(staff_block(service, runtime=StaffStudioRuntime), handler, data)) == (403, "staff_only")
    assert service.received == []


def test_leaks_are_listed_with_names_page_by_page(service: TrainingService) -> None:
    found = {"training_set": "s-1", "learner": anonymous_id(ADA), "exact": 1, "near": 0, "matches": []}
    service.answer("GET", "/api/v1/leakage", {"results": [found], "next": "7"})

    answer = call(staff_block(service), "staff_leakage", {"cursor": "9"}).json

    assert answer == {"results": [{**found, "name": "Ada Lovelace", "username": "ada"}], "next": "7"}
    assert parse_qsl(service.received[0].path.partition("?")[2]) == [("cursor", "9")]
    assert error(call(staff_block(service), "staff_leakage", {"cursor": 7})) == (400, "bad_request")


def test_the_hidden_test_set_is_shown_to_staff(service: TrainingService) -> None:
    page = {"set": {"name": "Pets"}, "images": [], "next": None}
    service.answer("GET", "/api/v1/hidden-test-set", page)
    asked = {"label": "cat", "after": "9", "limit": 4}
    assert call(staff_block(service), "staff_hidden", asked).json == page
    query = parse_qsl(service.received[0].path.partition("?")[2])
    assert sorted(query) == [("after", "9"), ("label", "cat"), ("limit", "4")]
    for wrong in ({"label": 7}, {"limit": "4"}, {"limit": True}):
        assert error(call(staff_block(service), "staff_hidden", wrong)) == (400, "bad_request")


def test_submissions_are_listed_with_names(service: TrainingService) -> None:
    results = [
        {"id": "1", "learner": anonymous_id(ADA), "reviews": [{"id": "r", "grader": anonymous_id(GRACE)}]},
        {"id": "2", "learner": anonymous_id(BOB), "reviews": []},
        {"id": "3", "learner": "deadbeefdeadbeef", "reviews": []},
    ]
    service.answer("GET", "/api/v1/submissions", {"results": results, "next": "c2"})

    answer = call(staff_block(service), "staff_submissions", {"cursor": "c1"}).json

    assert [(row["name"], row["username"]) for row in answer["results"]] == [
        ("Ada Lovelace", "ada"),
        ("Bob Moog", "bob"),
        ("deadbeef", ""),
    ]
    assert answer["results"][0]["reviews"][0]["grader_name"] == "Grace Hopper"
    assert answer["next"] == "c2"
    (request,) = service.received
    assert request.claims["role"] == "grader"
    assert parse_qsl(request.path.partition("?")[2]) == [("usage", str(UsageKey())), ("cursor", "c1")]


def test_each_learner_is_looked_up_once(service: TrainingService) -> None:
    results = [{"id": str(n), "learner": anonymous_id(ADA), "reviews": []} for n in range(30)]
    service.answer("GET", "/api/v1/submissions", {"results": results, "next": None})
    block = staff_block(service)
    users = block.runtime._services["user"]
    looked_up: list[str] = []
    find = users.get_user_by_anonymous_id
    users.get_user_by_anonymous_id = lambda uid: (looked_up.append(uid), find(uid))[1]

    call(block, "staff_submissions")

    assert looked_up == [anonymous_id(ADA)]


def test_a_review_is_passed_on_without_names(service: TrainingService) -> None:
    service.answer("POST", "/api/v1/submissions/s-1/reviews", {"id": "s-1", "learner": anonymous_id(ADA)}, 201)
    data = {"submission": "s-1", "score": 0.8, "comment": "Good eye.", "idempotency_key": "k-1", "name": "Ada"}

    answer = call(staff_block(service), "staff_review", data).json

    assert (answer["name"], answer["username"]) == ("Ada Lovelace", "ada")
    (request,) = service.received
    assert request.body == {"score": 0.8, "comment": "Good eye."}
    assert request.idempotency_key == "k-1"
    assert request.claims["sub"] == anonymous_id(GRACE)


def test_an_override_can_be_removed(service: TrainingService) -> None:
    service.answer("POST", "/api/v1/submissions/s-1/reviews", {"id": "s-1"}, 201)

    call(staff_block(service), "staff_review", {"submission": "s-1", "clear": True, "idempotency_key": "k"})

    assert service.received[0].body == {"score": None, "comment": "", "clear": True}


@pytest.mark.parametrize("score", [-0.1, 1.1, "1", True, [], float("nan")])
def test_a_score_outside_0_to_1_is_refused(service: TrainingService, score: object) -> None:
    data = {"submission": "s-1", "score": score, "idempotency_key": "k"}

    assert error(call(staff_block(service), "staff_review", data)) == (422, "score_out_of_range")
    assert service.received == []


@pytest.mark.parametrize(
    "data",
    [
        {"submission": "../x", "idempotency_key": "k"},
        {"submission": "s-1"},
        {"submission": "s-1", "idempotency_key": "k", "comment": 5},
    ],
)
def test_a_malformed_review_is_a_bad_request(service: TrainingService, data: dict[str, Any]) -> None:
    assert error(call(staff_block(service), "staff_review", data)) == (400, "bad_request")


def test_a_malformed_cursor_is_a_bad_request(service: TrainingService) -> None:
    assert error(call(staff_block(service), "staff_submissions", {"cursor": {}})) == (400, "bad_request")
