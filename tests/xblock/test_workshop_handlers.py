"""The workshop in Studio: for the course team alone, in a project of its own, the way a student's pictures go."""

from __future__ import annotations

import json
from typing import Any

import pytest
from webob import Request, Response

from axons_xblock.handlers.workshop import ACTIONS
from tests.xblock.platform import LmsRuntime, StudioRuntime, User, anonymous
from tests.xblock.support import ADA, GRACE, TrainingService, bundle, error, make_block, settings


def workshop_block(service: TrainingService, **more: Any) -> Any:
    return make_block(**{"user": GRACE, "runtime": StudioRuntime, "xblock_settings": settings(service.url), **more})


def act(block: Any, action: str, data: Any = None, method: str = "POST") -> Response:
    """POST to the handler with the action as its suffix."""
    request = Request.blank("/", method=method, body=json.dumps(data or {}).encode())
    request.content_type = "application/json"
    return block.runtime.handle(block, "studio_workshop", request, action)


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("user", [ADA, GRACE, anonymous()])
def test_in_the_lms_nobody_has_a_workshop(service: TrainingService, action: str, user: User) -> None:
    block = workshop_block(service, runtime=LmsRuntime, user=user)
    assert error(act(block, action, {"idempotency_key": "k"})) == (403, "author_only")
    assert service.received == []


def test_in_studio_a_visitor_has_none(service: TrainingService) -> None:
    assert error(act(workshop_block(service, user=anonymous()), "open")) == (403, "author_only")
    assert service.received == []


def test_it_is_opened_as_an_author_apart_from_the_trial_workspace(service: TrainingService) -> None:
    service.answer("POST", "/api/v1/workshop/open", bundle())
    service.answer("POST", "/api/v1/projects/open", bundle())
    block = workshop_block(service)
    opened = act(block, "open", {"task": "segmentation"}).json
    assert (opened["project"]["id"], opened["user"]["role"]) == ("p-1", "author")
    asked = service.received[0]
    assert (asked.claims["role"], asked.body) == ("author", {"task": "segmentation"})
    assert asked.claims["sub"].startswith("workshop-")
    assert block.project == "", "the trial workspace is another project"
    assert error(act(block, "open", {"task": 3})) == (400, "bad_request")


def test_pictures_and_versions_go_the_students_way(service: TrainingService) -> None:
    for path in ("/uploads", "/uploads/confirm", "/training-sets", "/training-sets/t-1/changes", "/exports"):
        service.answer("POST", f"/api/v1{path}", {"id": "t-1"})
    block = workshop_block(service)
    act(block, "uploads", {"files": [], "purpose": "archive"})
    act(block, "uploads_confirm", {"uploads": []})
    act(block, "training_set_create", {"additions": [], "idempotency_key": "k"})
    act(block, "training_set_change", {"training_set": "t-1", "newest": 1, "idempotency_key": "l"})
    assert [each.path for each in service.received] == [
        "/api/v1/uploads",
        "/api/v1/uploads/confirm",
        "/api/v1/training-sets",
        "/api/v1/training-sets/t-1/changes",
    ]
    assert {each.claims["sub"].partition("-")[0] for each in service.received} == {"workshop"}
    assert [each.idempotency_key for each in service.received] == [None, None, "k", "l"]


def test_a_fork_and_a_publication_carry_their_keys(service: TrainingService) -> None:
    service.answer("POST", "/api/v1/workshop/forks", {"id": "t-2"})
    service.answer("POST", "/api/v1/workshop/publications", {"id": "l-1", "state": "preparing"})
    service.answer("GET", "/api/v1/workshop/publications/l-1", {"id": "l-1", "state": "ready"})
    block = workshop_block(service)
    assert act(block, "fork", {"base": "s-1", "idempotency_key": "f", "more": 1}).json == {"id": "t-2"}
    act(block, "publish", {"training_set": "t-2", "kind": "starter", "idempotency_key": "p"})
    assert act(block, "publication", {"publication": "l-1"}).json["state"] == "ready"
    fork, publish, _ = service.received
    assert (fork.body, fork.idempotency_key) == ({"base": "s-1"}, "f")
    assert (publish.body, publish.idempotency_key) == ({"training_set": "t-2", "kind": "starter"}, "p")
    assert error(act(block, "fork", {"base": "../x", "idempotency_key": "f"})) == (400, "bad_request")
    assert error(act(block, "publish", {"training_set": "t-2"})) == (400, "bad_request")


def test_what_leaks_is_named_to_the_author(service: TrainingService) -> None:
    errors = [{"field": "ab12", "message": "same.jpg (cat) is cat0.jpg of the hidden test set."}]
    refused = {"status": 409, "code": "leakage_found", "detail": "1 of these pictures is hidden.", "errors": errors}
    service.answer("POST", "/api/v1/workshop/publications", refused, 409)
    answer = act(workshop_block(service), "publish", {"idempotency_key": "p"})
    assert error(answer) == (409, "leakage_found")
    assert answer.json["error"]["errors"] == errors


def test_the_trash_is_the_workshops_own(service: TrainingService) -> None:
    service.answer("POST", "/api/v1/workshop/open", bundle())
    service.answer("POST", "/api/v1/projects/p-1/trash", {"id": "e-1"})
    act(workshop_block(service, project="p-trial"), "trash_put", {"kind": "training_set", "object": "t-1"})
    assert [(each.path, each.body) for each in service.received] == [
        ("/api/v1/workshop/open", {"task": None}),
        ("/api/v1/projects/p-1/trash", {"kind": "training_set", "object": "t-1"}),
    ]


@pytest.mark.parametrize("action", ["", "job_create", "submission_create", "act", "_publish", "studio_save"])
def test_it_does_nothing_else(service: TrainingService, action: str) -> None:
    assert error(act(workshop_block(service), action, {"idempotency_key": "k"})) == (404, "not_found")
    assert error(act(workshop_block(service), "open", method="GET")) == (405, "method_not_allowed")
    assert service.received == []
