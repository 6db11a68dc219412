"""What a student, a visitor and a masquerading staff member can do."""

from __future__ import annotations

from typing import Any

import pytest
from webob import Request
from xblock.runtime import DictKeyValueStore

from axons_xblock.handlers.grade import GradeAPI
from axons_xblock.spec import default_spec
from tests.xblock.platform import CourseKey, CourseMasquerade, User, anonymous, anonymous_id
from tests.xblock.support import (
    ADA,
    GRACE,
    GRADED,
    TrainingService,
    bundle,
    call,
    error,
    make_block,
    settings,
    submission,
)

CHANGES = [
    ("uploads", {"files": [], "purpose": "prediction"}, "/api/v1/uploads"),
    ("uploads_confirm", {"uploads": ["u"]}, "/api/v1/uploads/confirm"),
    ("uploads_discard", {"uploads": ["u"]}, "/api/v1/uploads/discard"),
    ("training_set_create", {"base": None, "idempotency_key": "k"}, "/api/v1/training-sets"),
    (
        "training_set_change",
        {"training_set": "s-1", "newest": 2, "exclusions": ["f"], "idempotency_key": "k"},
        "/api/v1/training-sets/s-1/changes",
    ),
    (
        "training_set_revert",
        {"training_set": "s-1", "newest": 2, "idempotency_key": "k"},
        "/api/v1/training-sets/s-1/revert",
    ),
    ("training_set_import", {"upload": "u-1", "idempotency_key": "k"}, "/api/v1/training-sets/imports"),
    ("export_create", {"training_set": "s-1"}, "/api/v1/training-sets/s-1/exports"),
    ("job_create", {"kind": "inference", "model": "m", "upload": "u", "idempotency_key": "k"}, "/api/v1/jobs"),
    ("job_cancel", {"job": "j-1"}, "/api/v1/jobs/j-1/cancel"),
    ("submission_create", {"model": "m", "idempotency_key": "k"}, "/api/v1/submissions"),
]


def block_at(service: TrainingService, **more: Any) -> Any:
    return make_block(**{"xblock_settings": settings(service.url), "spec": GRADED, **more})


def opened(service: TrainingService, block: Any, **project: Any) -> dict[str, Any]:
    service.answer("POST", "/api/v1/projects/open", bundle(**project))
    response = call(block, "open")
    assert response.status_code == 200, response.text
    return dict(response.json)


def masquerading(**how: Any) -> User:
    """Grace, a staff member, as the platform shows her while she views the course as somebody else."""
    who = ADA if how.get("user_name") else GRACE
    settings_ = {CourseKey(): CourseMasquerade(**how)}
    return User(who.id, who.username, is_staff_of_course=not how.get("user_name"), masquerade_settings=settings_)


def test_open_registers_the_exercise_and_says_where_grades_go(service: TrainingService) -> None:
    answer = opened(service, block_at(service, display_name="Flowers", weight=3.0))

    (request,) = service.received
    assert request.body["spec"] == GRADED
    assert request.body["callback_url"].startswith("https://lms.example.org/")
    assert request.body["callback_url"].endswith("/handler_noauth/grade")
    assert request.claims["sub"] == anonymous_id(ADA)
    assert answer["user"] == {"role": "learner", "can_grade": False}
    assert answer["grade"] is None
    assert answer["block"] == {"display_name": "Flowers", "weight": 3.0, "due": None}
    assert answer["read_token"] == "r"


def test_open_shows_the_grade_in_points(service: TrainingService) -> None:
    block = block_at(service, weight=4.0, score=0.5, grade_revision=3)

    assert opened(service, block)["grade"] == {"earned": 2.0, "possible": 4.0}


def test_open_uses_the_public_address_that_the_operator_set(service: TrainingService) -> None:
    public = settings(service.url, SERVICE_PUBLIC_URL="https://train.example.org/")

    answer = opened(service, block_at(service, xblock_settings=public))

    assert answer["api_url"] == "https://train.example.org/api/v1"
    assert answer["stream_url"] == "https://train.example.org/api/v1/projects/p-1/stream"


def test_course_staff_may_grade(service: TrainingService) -> None:
    assert opened(service, block_at(service, user=GRACE))["user"] == {"role": "grader", "can_grade": True}
    assert service.received[0].claims["role"] == "grader"


def test_a_new_exercise_opens_with_the_default_spec(service: TrainingService) -> None:
    opened(service, block_at(service, spec={}))

    assert service.received[0].body["spec"] == default_spec()


# --- Grades pulled ---


def test_a_grade_that_the_callback_never_brought_is_pulled(service: TrainingService) -> None:
    block = block_at(service, weight=2.0)

    answer = opened(service, block, submissions=[submission(3, 0.75), submission(None, None)], best_score=0.75)

    assert answer["grade"] == {"earned": 1.5, "possible": 2.0}
    assert block.runtime.gradebook == {ADA.id: (1.5, 2.0)}
    assert block.runtime.completions == {ADA.id: 1.0}
    assert block.grade_revision == 3


def test_a_pulled_grade_is_written_before_the_lock_is_let_go(service: TrainingService) -> None:
    store = DictKeyValueStore()
    block = block_at(service, store=store)

    GradeAPI(block).reconcile(bundle(submissions=[submission(3, 0.75)]))

    assert block_at(service, store=store, spec=GRADED).grade_revision == 3


def test_a_lower_score_with_a_newer_revision_does_not_hide_the_best(service: TrainingService) -> None:
    block = block_at(service)

    opened(service, block, submissions=[submission(2, 0.4), submission(1, 0.9)], best_score=0.9)

    assert (block.score, block.grade_revision) == (0.9, 2)


@pytest.mark.parametrize("revision", [1, 2])
def test_a_revision_that_is_known_is_not_pulled(service: TrainingService, revision: int) -> None:
    block = block_at(service, score=0.5, grade_revision=2)

    opened(service, block, submissions=[submission(revision, 1.0)], best_score=1.0)

    assert block.score == 0.5
    assert block.runtime.journal == []


def test_a_learners_state_that_staff_deleted_is_not_brought_back(service: TrainingService) -> None:
    block = block_at(service)  # no score: deleted

    opened(service, block, submissions=[submission(2, 1.0, delivered=2)], best_score=1.0)

    assert block.score is None
    assert block.runtime.journal == []


@pytest.mark.parametrize("how", [{"role": "student"}, {"role": "student", "user_name": "ada"}])
def test_masquerading_staff_publish_no_grade(service: TrainingService, how: dict[str, Any]) -> None:
    block = block_at(service, user=masquerading(**how))

    answer = opened(service, block, submissions=[submission(2, 1.0)], best_score=1.0, predictions=[{}])

    assert answer["user"]["can_grade"] is False
    assert block.grade_revision == 0
    assert block.runtime.journal == []


def test_staff_who_view_as_staff_are_not_masquerading(service: TrainingService) -> None:
    block = block_at(service, user=masquerading(role="staff"))

    opened(service, block, submissions=[submission(2, 1.0)], best_score=1.0)

    assert block.grade_revision == 2


def test_having_tried_a_supplied_model_completes_an_exercise_without_grades(service: TrainingService) -> None:
    tried = block_at(service, spec=GRADED | {"kind": "inference", "grading": None})
    opened(service, tried, predictions=[])
    assert tried.runtime.completions == {}

    opened(service, tried, predictions=[{"id": "x"}])
    assert tried.runtime.completions == {ADA.id: 1.0}
    assert tried.runtime.gradebook == {}


@pytest.mark.parametrize(("state", "completes"), [("succeeded", True), ("running", False), ("failed", False)])
def test_a_finished_table_of_many_pictures_completes_it_too(
    state: str, completes: bool, service: TrainingService
) -> None:
    block = block_at(service, spec=GRADED | {"kind": "inference", "grading": None})
    opened(
        service, block, jobs=[{"state": state, "batch": {"name": "holiday.zip"}}, {"state": "succeeded", "batch": None}]
    )
    assert bool(block.runtime.completions) is completes


def test_masquerading_staff_complete_nothing(service: TrainingService) -> None:
    block = block_at(service, user=masquerading(role="student"), spec=GRADED | {"kind": "inference", "grading": None})

    opened(service, block, predictions=[{"id": "x"}])

    assert block.runtime.journal == []


def test_trying_a_model_does_not_complete_a_graded_exercise(service: TrainingService) -> None:
    block = block_at(service)
    opened(service, block, predictions=[{"id": "x"}])

    assert block.runtime.completions == {}


# --- Changes ---


@pytest.mark.parametrize(("handler", "data", "path"), CHANGES)
def test_a_change_is_passed_on_with_its_idempotency_key(
    service: TrainingService, handler: str, data: dict[str, Any], path: str
) -> None:
    service.answer("POST", path, {"id": "new"}, 201)

    assert call(block_at(service), handler, data).json == {"id": "new"}

    (request,) = service.received
    assert request.idempotency_key == data.get("idempotency_key")
    sent = {name: value for name, value in data.items() if name not in ("idempotency_key", "job", "training_set")}
    assert request.body == sent


@pytest.mark.parametrize("handler", ["training_set_create", "job_create", "submission_create"])
@pytest.mark.parametrize("key", [None, "", "a b", "x" * 101, 5])
def test_a_change_that_may_happen_once_needs_a_key(handler: str, key: object) -> None:
    assert error(call(make_block(), handler, {"idempotency_key": key})) == (400, "bad_request")


@pytest.mark.parametrize("job", [None, "", "../models/1", "a/b", "x" * 65, 5])
def test_a_job_to_cancel_needs_an_identifier(job: object) -> None:
    assert error(call(make_block(), "job_cancel", {"job": job})) == (400, "bad_request")


@pytest.mark.parametrize(("handler", "data", "_path"), CHANGES)
def test_nobody_changes_anything_in_the_name_of_the_learner_they_look_as(
    service: TrainingService, handler: str, data: dict[str, Any], _path: str
) -> None:
    block = block_at(service, user=masquerading(role="student", user_name="ada"))

    assert error(call(block, handler, data)) == (403, "masquerading")
    assert service.received == []


@pytest.mark.parametrize("handler", ["open", "read", *(handler for handler, _, _ in CHANGES)])
def test_a_visitor_is_asked_to_log_in(service: TrainingService, handler: str) -> None:
    block = block_at(service, user=anonymous())
    data = {"path": "/jobs/1", "job": "j", "training_set": "s-1", "idempotency_key": "k"}

    assert error(call(block, handler, data)) == (401, "login_required")
    assert service.received == []


@pytest.mark.parametrize("handler", ["open", "read", *(handler for handler, _, _ in CHANGES)])
def test_a_stopped_service_says_that_the_work_is_safe(handler: str) -> None:
    response = call(
        make_block(), handler, {"path": "/jobs/1", "job": "j", "training_set": "s-1", "idempotency_key": "k"}
    )

    assert response.status_code == 503
    assert response.json == {
        "error": {
            "code": "service_unavailable",
            "message": "The training service does not answer. Your work is safe; try again in a moment.",
        }
    }


def test_an_unconfigured_site_says_what_is_missing() -> None:
    assert error(call(make_block(xblock_settings={"SITE": "demo"}), "open")) == (503, "not_configured")


# --- Reading ---


@pytest.mark.parametrize(
    "path",
    [
        "/training-sets/1",
        "/training-sets/1/images",
        "/leaderboard",
        "/jobs/1",
        "/jobs/1/metrics",
        "/jobs/1/batch",
        "/models/1",
        "/predictions/1",
        "/submissions/1",
    ],
)
def test_what_a_page_needs_can_be_read(service: TrainingService, path: str) -> None:
    service.answer("GET", f"/api/v1{path}", {"read": path})

    response = call(block_at(service), "read", {"path": path, "query": {"after": 3}})

    assert response.json == {"read": path}
    assert response.headers["Cache-Control"] == "no-store"
    assert service.received[0].path == f"/api/v1{path}?after=3"


def test_a_jobs_log_comes_as_a_json_string(service: TrainingService) -> None:
    service.answer("GET", "/api/v1/jobs/1/log", "epoch 1")

    response = call(block_at(service), "read", {"path": "/jobs/1/log"})

    assert isinstance(response.json, str)
    assert "epoch 1" in response.json


def test_a_refused_log_says_why(service: TrainingService) -> None:
    service.answer("GET", "/api/v1/jobs/1/log", {"code": "not_found", "detail": "There is no such job."}, 404)

    assert error(call(block_at(service), "read", {"path": "/jobs/1/log"})) == (404, "not_found")


@pytest.mark.parametrize(
    "path",
    [
        "/library",
        "/submissions",
        "/projects",
        "/jobs/1/../../library",
        "/jobs/1/cancel",
        "/jobs/1?x=1",
        "/jobs/1\n",
        "//evil.example.org/jobs/1",
        "/health/live",
        "/jobs/" + "1" * 65,
        "",
    ],
)
def test_nothing_else_can_be_read(service: TrainingService, path: str) -> None:
    assert error(call(block_at(service), "read", {"path": path})) == (404, "not_found")
    assert service.received == []


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"path": 5},
        {"path": "/jobs/1", "query": []},
        {"path": "/jobs/1", "query": {"usage": "x"}},
        {"path": "/jobs/1", "query": {"after": [1]}},
        {"path": "/jobs/1", "query": {"after": True}},
    ],
)
def test_a_malformed_read_is_a_bad_request(service: TrainingService, data: dict[str, Any]) -> None:
    assert error(call(block_at(service), "read", data)) == (400, "bad_request")
    assert service.received == []


@pytest.mark.parametrize("tail", ["", "/events"])
def test_a_learner_reads_their_own_project_alone(service: TrainingService, tail: str) -> None:
    block = block_at(service)
    opened(service, block)
    for project in ("p-1", "p-2"):
        service.answer("GET", f"/api/v1/projects/{project}{tail}", {"id": project})

    assert call(block, "read", {"path": f"/projects/p-1{tail}"}).json == {"id": "p-1"}
    assert error(call(block, "read", {"path": f"/projects/p-2{tail}"})) == (403, "not_your_project")
    assert len(service.received) == 2


def test_a_grader_may_read_a_learners_project(service: TrainingService) -> None:
    service.answer("GET", "/api/v1/projects/p-2", {"id": "p-2"})

    assert call(block_at(service, user=GRACE), "read", {"path": "/projects/p-2"}).json == {"id": "p-2"}


# --- The wire ---


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_a_page_elsewhere_cannot_post_with_the_learners_cookies(content_type: str) -> None:
    block = make_block()
    request = Request.blank("/", method="POST", body=b'{"idempotency_key": "k"}')
    request.content_type = content_type

    assert error(block.runtime.handle(block, "job_create", request)) == (415, "unsupported_media_type")


def test_a_get_is_refused() -> None:
    block = make_block()

    assert error(block.runtime.handle(block, "open", Request.blank("/"))) == (405, "method_not_allowed")


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b'"x"', b"\xff\xfe"])
def test_a_body_that_is_no_json_object_is_a_bad_request(body: bytes) -> None:
    block = make_block()
    request = Request.blank("/", method="POST", body=body, content_type="application/json")

    assert error(block.runtime.handle(block, "open", request)) == (400, "bad_request")


TRASH = [
    ("trash_put", {"kind": "job", "object": "j-1"}, "", {"kind": "job", "object": "j-1"}),
    ("trash_restore", {"entry": "t-1"}, "/t-1/restore", {}),
    ("trash_purge", {"entry": "t-1"}, "/t-1/delete", {}),
]


@pytest.mark.parametrize(("handler", "data", "path", "body"), TRASH)
def test_what_goes_to_the_trash_and_back_is_of_the_viewers_own_project(
    service: TrainingService, handler: str, data: dict[str, Any], path: str, body: dict[str, Any]
) -> None:
    service.answer("POST", f"/api/v1/projects/p-1/trash{path}", {"id": "t-1"})
    block = block_at(service, project="p-1")

    response = call(block, handler, {**data, "project": "p-2"})

    assert response.json == {"id": "t-1"}
    (request,) = service.received
    assert request.path == f"/api/v1/projects/p-1/trash{path}"
    assert request.body == body


@pytest.mark.parametrize(("handler", "data", "_path", "_body"), TRASH)
def test_nobody_deletes_or_restores_in_the_name_of_the_learner_they_look_as(
    service: TrainingService, handler: str, data: dict[str, Any], _path: str, _body: Any
) -> None:
    block = block_at(service, project="p-1", user=masquerading(role="student", user_name="ada"))

    assert error(call(block, handler, data)) == (403, "masquerading")
    assert service.received == []


@pytest.mark.parametrize(
    "data", [{}, {"kind": "job"}, {"kind": "site", "object": "x"}, {"kind": "job", "object": "../x"}]
)
def test_a_malformed_deletion_is_refused_before_it_is_sent(service: TrainingService, data: dict[str, Any]) -> None:
    assert error(call(block_at(service, project="p-1"), "trash_put", data)) == (400, "bad_request")
    assert error(call(block_at(service, project="p-1"), "trash_purge", {"entry": "a/b"})) == (400, "bad_request")
    assert service.received == []


def test_without_a_project_there_is_no_trash(service: TrainingService) -> None:
    refused = call(block_at(service), "trash_put", {"kind": "job", "object": "j-1"})
    assert error(refused) == (404, "project_not_open")


def test_the_trash_is_read_through_the_block_of_ones_own_project_only(service: TrainingService) -> None:
    service.answer("GET", "/api/v1/projects/p-1/trash", {"entries": [], "next": None})
    block = block_at(service, project="p-1")

    assert call(block, "read", {"path": "/projects/p-1/trash"}).json == {"entries": [], "next": None}
    assert error(call(block, "read", {"path": "/projects/p-2/trash"})) == (403, "not_your_project")
