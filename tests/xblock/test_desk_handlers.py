"""The graders' desk in the LMS: who may, what is asked of the service, names, and the page behind a one-time link."""

from __future__ import annotations

from typing import Any

import pytest
from webob import Request, Response

from axons_xblock import roster
from axons_xblock.spec import spec_hash
from tests.xblock.platform import CourseKey, CourseMasquerade, User, anonymous, anonymous_id
from tests.xblock.support import ADA, BOB, GRACE, GRADED, TrainingService, call, error, make_block, settings

VIEWING_AS_LEARNER = User(
    GRACE.id, "grace", is_staff_of_course=True, masquerade_settings={CourseKey(): CourseMasquerade("student")}
)
KEYED = {"idempotency_key": "k-1"}
ACTIONS: list[dict[str, Any]] = [
    {"action": "list"},
    {"action": "open", "submission": "s-1"},
    {"action": "lock", "submission": "s-1", "wish": "take"},
    {"action": "allowance", "submission": "s-1", "extra_tries": 1, "extended_until": None, "reason": "r", **KEYED},
    {"action": "note", "submission": "s-1", "text": "t", **KEYED},
    {"action": "preview"},
    {"action": "start", "kind": "csv", **KEYED},
    {"action": "tasks"},
    {"action": "task", "task": "t-1"},
    {"action": "stop", "task": "t-1"},
    {"action": "names", "learners": []},
    {"action": "groups"},
    {"action": "link"},
]


def staff_block(service: TrainingService, **more: Any) -> Any:
    return make_block(**{"user": GRACE, "xblock_settings": settings(service.url), "spec": GRADED, **more})


def page(block: Any, query: str = "?link=abc", method: str = "GET") -> Response:
    return block.runtime.handle(block, "desk", Request.blank(f"/{query}", method=method))


@pytest.mark.parametrize("data", ACTIONS, ids=lambda data: data["action"])
@pytest.mark.parametrize("user", [ADA, anonymous(), VIEWING_AS_LEARNER], ids=["learner", "nobody", "masquerade"])
def test_who_is_not_course_staff_is_refused(service: TrainingService, data: dict[str, Any], user: User) -> None:
    assert error(call(staff_block(service, user=user), "staff_desk", data)) == (403, "staff_only")
    assert service.received == []


def test_every_action_is_tried_above(service: TrainingService) -> None:
    from axons_xblock.handlers.desk import DeskAPI

    assert set(DeskAPI(staff_block(service)).actions) == {data["action"] for data in ACTIONS}


def test_the_list_passes_the_filters_on_and_puts_names_in(service: TrainingService) -> None:
    row = {
        "id": "1",
        "learner": anonymous_id(ADA),
        "reviews": [{"grader": anonymous_id(GRACE)}],
        "lock": {"grader": anonymous_id(BOB), "until": "x"},
    }
    service.answer("POST", "/api/v1/submissions/search", {"results": [row], "next": None})
    wish = {"action": "list", "sort": "score_low", "state": "", "min_score": 0.5, "max_score": None, "cursor": "c"}

    (shown,) = call(staff_block(service), "staff_desk", {**wish, "text": "", "odd": 1}).json["results"]

    assert service.received[0].body == {"sort": "score_low", "min_score": 0.5, "cursor": "c"}
    assert (shown["name"], shown["username"]) == ("Ada Lovelace", "ada")
    assert shown["reviews"][0]["grader_name"] == "Grace Hopper"
    assert shown["lock"]["grader_name"] == "Bob Moog"


def test_a_name_is_turned_into_learners_here(service: TrainingService, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, str]] = []
    monkeypatch.setattr(roster, "learners_of", lambda block, **wish: asked.append(wish) or [anonymous_id(ADA)])
    service.answer("POST", "/api/v1/submissions/search", {"results": [], "next": None})

    call(
        staff_block(service),
        "staff_desk",
        {"action": "list", "text": " lovelace ", "cohort": "Morning", "team": "Blue"},
    )

    assert asked == [{"text": "lovelace", "cohort": "Morning", "team": "Blue"}]
    assert service.received[0].body == {"learners": [anonymous_id(ADA)]}


def test_a_platform_without_a_roster_finds_nobody(service: TrainingService) -> None:
    service.answer("POST", "/api/v1/submissions/search", {"results": [], "next": None})

    call(staff_block(service), "staff_desk", {"action": "list", "text": "ada"})

    assert service.received[0].body == {"learners": []}


def test_a_regrade_is_by_the_spec_that_the_exercise_has_now(service: TrainingService) -> None:
    service.answer("POST", "/api/v1/desk/tasks", {"id": "t", "grader": anonymous_id(GRACE)}, 202)
    data = {"action": "start", "kind": "regrade", "submission": None, "reason": "r", "spec_hash": "mine", **KEYED}

    answer = call(staff_block(service), "staff_desk", data).json

    (request,) = service.received
    assert request.body == {"kind": "regrade", "reason": "r", "spec_hash": spec_hash(GRADED), "submission": None}
    assert (request.idempotency_key, answer["grader_name"]) == ("k-1", "Grace Hopper")


def test_a_review_passes_rubric_reason_and_return_on(service: TrainingService) -> None:
    service.answer("POST", "/api/v1/submissions/s-1/reviews", {"id": "s-1"}, 201)
    more = {"rubric": {"data": {"points": 3, "comment": ""}}, "reason": "r", "returns": True}

    call(staff_block(service), "staff_review", {"submission": "s-1", "comment": "c", **more, **KEYED})

    assert service.received[0].body == {"score": None, "comment": "c", **more}


@pytest.mark.parametrize(
    "data",
    [
        {"action": "sing"},
        {},
        {"action": "open", "submission": "../x"},
        {"action": "note", "submission": "s-1", "text": "t"},
        {"action": "list", "text": "x" * 101},
        {"action": "list", "cursor": 5},
        {"action": "names", "learners": ["x"] * 201},
        {"action": "names", "learners": [5]},
    ],
)
def test_a_malformed_wish_is_a_bad_request(service: TrainingService, data: dict[str, Any]) -> None:
    assert error(call(staff_block(service), "staff_desk", data)) == (400, "bad_request")
    assert service.received == []


def test_the_full_page_is_served_when_the_service_takes_the_link(service: TrainingService) -> None:
    service.answer("POST", "/api/v1/desk/links/redeem", {"status": "redeemed"})
    block = staff_block(service, display_name="</script><script>alert(1)</script>")

    answer = page(block)

    assert (answer.status_code, answer.content_type) == (200, "text/html")
    assert service.received[0].body == {"token": "abc"}
    assert "alert(1)</script>" not in answer.text
    assert '"view": "desk"' in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_a_spent_link_is_a_sentence(service: TrainingService) -> None:
    refusal = {"code": "link_spent", "detail": "This link was used or is too old."}
    service.answer("POST", "/api/v1/desk/links/redeem", refusal, 410)

    answer = page(staff_block(service))

    assert answer.status_code == 410
    assert "This link was used or is too old." in answer.text
    assert "axons-args" not in answer.text


@pytest.mark.parametrize("user", [ADA, anonymous(), VIEWING_AS_LEARNER])
def test_the_full_page_is_for_course_staff(service: TrainingService, user: User) -> None:
    assert page(staff_block(service, user=user)).status_code == 403
    assert service.received == []


def test_the_link_goes_to_this_blocks_page(service: TrainingService) -> None:
    service.answer("POST", "/api/v1/desk/links", {"token": "tok", "expires_at": "later"}, 201)

    url = call(staff_block(service), "staff_desk", {"action": "link"}).json["url"]

    assert "desk" in url
    assert url.endswith("link=tok")
