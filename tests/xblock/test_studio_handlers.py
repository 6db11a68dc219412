"""The author's editor: in Studio alone, by the course team alone, valid or not saved."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest
from django.test import override_settings

from axons_xblock.spec import default_spec, spec_hash
from tests.xblock.platform import LmsRuntime, StudioRuntime, User, anonymous
from tests.xblock.support import ADA, GRACE, GRADED, TrainingService, bundle, call, error, make_block, settings

LIBRARY = {"starter_sets": [], "hidden_test_sets": [], "models": [], "pools": [], "architectures": []}
EDIT = {"display_name": " Flowers ", "weight": 2, "instructions": "Look closely.", "spec": GRADED}


def studio_block(service: TrainingService, **more: Any) -> Any:
    return make_block(**{"user": GRACE, "runtime": StudioRuntime, "xblock_settings": settings(service.url), **more})


@pytest.fixture
def platform_auth(monkeypatch: pytest.MonkeyPatch) -> set[int | None]:
    """common/djangoapps/student/auth.py; the set holds the ids of the users with write access."""
    writers: set[int | None] = set()
    auth = ModuleType("common.djangoapps.student.auth")
    auth.has_studio_write_access = lambda user, key: user.id in writers and key.is_course  # type: ignore[attr-defined]
    for name in ("common", "common.djangoapps", "common.djangoapps.student"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, auth.__name__, auth)
    return writers


@pytest.mark.parametrize("handler", ["studio_load", "studio_save"])
@pytest.mark.parametrize("user", [ADA, GRACE, anonymous()])
def test_outside_studio_nobody_edits(service: TrainingService, handler: str, user: User) -> None:
    block = studio_block(service, runtime=LmsRuntime, user=user)

    assert error(call(block, handler, EDIT)) == (403, "author_only")
    assert service.received == []
    assert block.display_name != "Flowers"


@pytest.mark.parametrize("handler", ["studio_load", "studio_save", "open"])
def test_studio_runs_handlers_for_anyone_logged_in_but_we_do_not(
    service: TrainingService, platform_auth: set[int | None], handler: str
) -> None:
    assert error(call(studio_block(service, user=ADA), handler, EDIT)) == (403, "author_only")

    service.answer("GET", "/api/v1/library", LIBRARY)
    service.answer("POST", "/api/v1/specs/validate", {"spec_hash": "h"})
    service.answer("POST", "/api/v1/projects/open", bundle())
    platform_auth.add(ADA.id)
    assert call(studio_block(service, user=ADA), handler, EDIT).status_code == 200


@pytest.mark.parametrize("handler", ["studio_load", "studio_save", "open"])
def test_in_studio_a_visitor_does_nothing(service: TrainingService, handler: str) -> None:
    assert error(call(studio_block(service, user=anonymous()), handler, EDIT)) == (403, "author_only")
    assert service.received == []


def test_studios_other_handlers_are_known_by_their_process(service: TrainingService) -> None:
    class ComponentHandlerRuntime(StudioRuntime):
        """cms/djangoapps/contentstore/views/component.py sets no is_author_mode."""

        is_author_mode = False

    service.answer("GET", "/api/v1/library", LIBRARY)
    with override_settings(ROOT_URLCONF="cms.urls"):
        assert call(studio_block(service, runtime=ComponentHandlerRuntime), "studio_load").status_code == 200


def test_load_gives_the_exercise_the_library_and_templates(service: TrainingService) -> None:
    service.answer("GET", "/api/v1/library", LIBRARY)

    answer = call(studio_block(service, weight=2.0), "studio_load").json

    assert answer["spec"] == default_spec()
    assert (answer["weight"], answer["library"], answer["library_error"]) == (2.0, LIBRARY, None)
    titles = [template["title"] for template in answer["templates"]]
    assert {"Transfer learning in ten minutes", "Try a supplied model"} <= set(titles)
    assert service.received[0].claims["role"] == "author"


def test_load_says_what_students_have_done_so_that_a_change_can_say_what_it_affects(service: TrainingService) -> None:
    service.answer("GET", "/api/v1/library", LIBRARY)
    assert call(studio_block(service), "studio_load").json["begun"] is None, "an older service does not say"
    service.answer("GET", "/api/v1/overview", {"runs": 40, "standings": {"handed_in": 12, "opened": 3}})
    assert call(studio_block(service), "studio_load").json["begun"] == {"runs": 40, "handed_in": 12}


def test_without_the_service_the_editor_opens_and_says_why_it_is_bare() -> None:
    answer = call(make_block(user=GRACE, runtime=StudioRuntime), "studio_load").json

    assert answer["library"] is None
    assert answer["library_error"].startswith("The training service does not answer.")


def test_save_keeps_what_the_service_found_valid(service: TrainingService) -> None:
    service.answer("POST", "/api/v1/specs/validate", {"spec_hash": spec_hash(GRADED)})
    block = studio_block(service)

    assert call(block, "studio_save", EDIT).json == {"spec_hash": spec_hash(GRADED)}
    assert (block.display_name, block.weight, block.instructions) == ("Flowers", 2.0, "Look closely.")
    assert block.spec == GRADED
    assert service.received[0].body == {"spec": GRADED}


def test_a_refused_spec_is_not_saved_and_names_its_fields(service: TrainingService) -> None:
    errors = [{"field": "hyperparameters.epochs.max", "message": "Epochs must be between 1 and 500."}]
    refused = {"status": 422, "code": "spec_invalid", "detail": "The spec needs a change.", "errors": errors}
    service.answer("POST", "/api/v1/specs/validate", refused, 422)
    block = studio_block(service, display_name="Before")

    response = call(block, "studio_save", EDIT)

    assert error(response) == (422, "spec_invalid")
    assert response.json["error"]["errors"] == errors
    assert (block.display_name, block.spec) == ("Before", {})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("display_name", "  "),
        ("display_name", None),
        ("display_name", "x" * 256),
        ("weight", -1),
        ("weight", "2"),
        ("weight", True),
        ("weight", float("inf")),
        ("instructions", None),
        ("instructions", "x" * 50_001),
        ("spec", None),
        ("spec", "{}"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_saved(service: TrainingService, field: str, value: object) -> None:
    block = studio_block(service, display_name="Before")

    response = call(block, "studio_save", EDIT | {field: value})

    assert error(response) == (422, "invalid_exercise")
    assert [wrong["field"] for wrong in response.json["error"]["errors"]] == [field]
    assert block.display_name == "Before"
    assert service.received == []


def test_an_author_tries_the_exercise_in_a_workspace_of_their_own(service: TrainingService) -> None:
    service.answer("POST", "/api/v1/projects/open", bundle(submissions=[{"revision": 1, "score": 1.0}]))
    grace, ada = studio_block(service), studio_block(service, user=ADA)

    assert call(grace, "open").json["user"] == {"role": "author", "can_grade": False}
    call(ada, "open")

    first, second = service.received
    assert first.claims["sub"].startswith("author-")
    assert first.claims["sub"] != second.claims["sub"]
    assert first.body["callback_url"] is None
    assert grace.runtime.journal == []
