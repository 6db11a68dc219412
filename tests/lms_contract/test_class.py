"""What the platform reads off the class."""

from typing import Any

import pytest
from webob import Request
from xblock.completable import CompletableXBlockMixin, XBlockCompletionMode
from xblock.fields import Scope
from xblock.scorable import ScorableXBlockMixin
from xblock.utils.settings import XBlockWithSettingsMixin

from axons_xblock.block import AxonsXBlock
from tests.xblock.platform import LmsRuntime, StudioRuntime
from tests.xblock.support import GRADED, make_block, settings

SCOPES = {
    "display_name": Scope.settings,
    "weight": Scope.settings,
    "instructions": Scope.content,
    "spec": Scope.content,
    "grade_revision": Scope.user_state,
    "score": Scope.user_state,
    "project": Scope.user_state,
}


def test_the_bases_are_those_that_the_lms_looks_for() -> None:
    for base in (ScorableXBlockMixin, CompletableXBlockMixin, XBlockWithSettingsMixin):
        assert issubclass(AxonsXBlock, base)
    assert AxonsXBlock.completion_mode == XBlockCompletionMode.COMPLETABLE


def test_every_field_has_the_scope_that_its_use_asks_for() -> None:
    own = {name: field.scope for name, field in AxonsXBlock.fields.items() if name in vars(AxonsXBlock)}
    assert own == SCOPES


def test_no_field_can_hold_a_secret() -> None:
    words = ("key", "secret", "token", "password", "url")
    assert not [name for name in AxonsXBlock.fields if any(word in name for word in words)]
    assert AxonsXBlock.block_settings_key == "axons"
    assert make_block().get_xblock_settings() == settings()


@pytest.mark.parametrize(
    ("runtime", "view"),
    [(LmsRuntime, "student_view"), (LmsRuntime, "public_view"), (StudioRuntime, "author_view")],
)
def test_a_runtime_without_services_gets_a_sentence_in_every_view(runtime: Any, view: str) -> None:
    block = make_block(runtime=runtime, spec=GRADED)
    for service in ("user", "settings", "completion", "replace_urls", "rebind_user"):
        block.runtime._services.pop(service, None)

    fragment = getattr(block, view)()
    assert "axons-xblock" in fragment.content
    if view == "student_view":
        assert "Log in" in fragment.content
    request = Request.blank("/", method="POST", body=b"{}", content_type="application/json")
    response = block.runtime.handle(block, "open", request)
    assert response.status_code in (401, 403, 503)
    assert response.json["error"]["message"].endswith(".")
