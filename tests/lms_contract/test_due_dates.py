"""Due dates as a course gives them: inherited, with grace, and later for some."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from xblock.core import XBlockMixin
from xblock.field_data import FieldData
from xblock.fields import Boolean, DateTime, JSONField, Scope, ScopeIds, String
from xblock.runtime import DictKeyValueStore, KvsFieldData

from axons_xblock.block import AxonsXBlock
from tests.xblock.platform import LmsRuntime, StudioRuntime, UsageKey, User
from tests.xblock.support import ADA, BOB, GRACE, PEOPLE, TrainingService, bundle, call, error, make_block, settings

DUE = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)
OPEN = "/api/v1/projects/open"


class Timedelta(JSONField):
    """xmodule/fields.py"""


class InheritableFieldsMixin(XBlockMixin):
    """xmodule/modulestore/inheritance.py"""

    due = DateTime(scope=Scope.settings)
    graceperiod = Timedelta(scope=Scope.settings)
    self_paced = Boolean(default=False, scope=Scope.settings)
    show_correctness = String(default="always", scope=Scope.settings)


class InACourse(InheritableFieldsMixin, AxonsXBlock):  # type: ignore[misc]
    """What the modulestore's mixologist makes of the block (XBLOCK_MIXINS)."""


class OverrideFieldData(FieldData):
    """lms/djangoapps/courseware/field_overrides.py and edx_when/field_data.py: one learner's own values come first."""

    def __init__(self, fallback: FieldData, overrides: dict[str, Any]) -> None:
        self.fallback = fallback
        self.overrides = overrides

    def get(self, block: Any, name: str) -> Any:
        return self.overrides[name] if name in self.overrides else self.fallback.get(block, name)

    def has(self, block: Any, name: str) -> bool:
        return name in self.overrides or bool(self.fallback.has(block, name))

    def set(self, block: Any, name: str, value: Any) -> None:
        self.fallback.set(block, name, value)

    def delete(self, block: Any, name: str) -> None:
        self.fallback.delete(block, name)

    def default(self, block: Any, name: str) -> Any:
        return self.fallback.default(block, name)


EXTENSIONS: dict[object, dict[str, Any]] = {BOB.id: {"due": DUE + timedelta(days=7)}}


def in_a_course(
    service: TrainingService, user: User = ADA, runtime: type[LmsRuntime] = LmsRuntime, **inherited: Any
) -> InACourse:
    """The block as the LMS binds it to `user`, with what it inherits from the course."""
    values = OverrideFieldData(KvsFieldData(DictKeyValueStore()), {**inherited, **EXTENSIONS.get(user.id, {})})
    bound = runtime(user=user, people=PEOPLE, settings=settings(service.url), field_data=values)
    return InACourse(bound, scope_ids=ScopeIds(user.id, "axons", "definition", UsageKey()))


def signed_end(service: TrainingService, block: Any) -> Any:
    """What the service is told, in the claims of a hand-in; the same as at opening."""
    service.answer("POST", OPEN, bundle())
    service.answer("POST", "/api/v1/submissions", {"id": "s-1"}, 201)
    service.received.clear()
    assert call(block, "open").status_code == 200
    assert call(block, "submission_create", {"model": "m-1", "idempotency_key": "k"}).status_code == 200
    opened, handed_in = service.received
    assert (opened.path, handed_in.path) == (OPEN, "/api/v1/submissions")
    assert opened.claims["closes"] == handed_in.claims["closes"]
    return handed_in.claims["closes"]


def shown(block: Any) -> Any:
    return call(block, "open").json["block"]["due"]


def test_the_end_is_the_due_date_and_the_grace_period(service: TrainingService) -> None:
    assert signed_end(service, in_a_course(service, due=DUE)) == DUE.timestamp()
    late = in_a_course(service, due=DUE, graceperiod=timedelta(hours=2))
    assert signed_end(service, late) == (DUE + timedelta(hours=2)).timestamp()
    assert shown(late) == DUE.isoformat(), "a page shows the due date; the grace period is no later due date"


def test_an_individual_extension_moves_that_learners_end_alone(service: TrainingService) -> None:
    inherited = {"due": DUE, "graceperiod": timedelta(hours=2)}
    assert signed_end(service, in_a_course(service, **inherited)) == (DUE + timedelta(hours=2)).timestamp()
    extended = in_a_course(service, BOB, **inherited)
    assert signed_end(service, extended) == (DUE + timedelta(days=7, hours=2)).timestamp()
    assert shown(extended) == (DUE + timedelta(days=7)).isoformat()


@pytest.mark.parametrize(
    "inherited",
    [{}, {"graceperiod": timedelta(hours=2)}, {"due": DUE, "self_paced": True}],
    ids=["no due date", "grace of nothing", "self-paced"],
)
def test_without_a_due_date_or_in_a_self_paced_course_nothing_ends(
    service: TrainingService, inherited: dict[str, Any]
) -> None:
    block = in_a_course(service, **inherited)
    assert signed_end(service, block) is None
    assert shown(block) is None


def test_a_runtime_that_knows_no_due_dates_has_none(service: TrainingService) -> None:
    block = make_block(xblock_settings=settings(service.url))
    assert signed_end(service, block) is None
    assert shown(block) is None


def test_an_author_in_studio_has_no_due_date(service: TrainingService) -> None:
    block = in_a_course(service, GRACE, StudioRuntime, due=DUE)
    assert signed_end(service, block) is None


def test_after_the_end_the_learner_reads_the_services_sentence(service: TrainingService) -> None:
    sentence = "Handing in ended on 01 December 2026 at 12:00 UTC."
    service.answer("POST", "/api/v1/submissions", {"detail": sentence, "code": "hand_in_closed"}, 409)
    refusal = call(in_a_course(service, due=DUE), "submission_create", {"model": "m-1", "idempotency_key": "k"})
    assert error(refusal) == (409, "hand_in_closed")
    assert refusal.json["error"]["message"] == sentence
