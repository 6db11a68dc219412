"""What every block of a course inherits: dates, grace and when results are seen; and one learner's own due date."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from xblock.core import XBlockMixin
from xblock.field_data import FieldData
from xblock.fields import Boolean, DateTime, JSONField, Scope, String

from axons_demo.lms.models import BlockState

RESULTS = ("always", "past_due", "never", "never_but_include_grade")


class Timedelta(JSONField):
    """A length of time. Imitates xmodule/fields.py Timedelta, whose text names units; here it is in seconds."""

    def from_json(self, value: Any) -> timedelta | None:
        return value if isinstance(value, timedelta) or value is None else timedelta(seconds=float(value))

    def to_json(self, value: timedelta | None) -> float | None:
        return None if value is None else value.total_seconds()


class InheritanceMixin(XBlockMixin):
    """xmodule/modulestore/inheritance.py InheritanceMixin: those of its fields that ask when work is due."""

    due = DateTime(scope=Scope.settings)
    graceperiod = Timedelta(scope=Scope.settings)
    self_paced = Boolean(default=False, scope=Scope.settings)
    show_correctness = String(default="always", scope=Scope.settings)


class OwnDates(FieldData):
    """One learner's own values before everybody's. Imitates edx_when/field_data.py DateLookupFieldData and
    lms/djangoapps/courseware/field_overrides.py."""

    def __init__(self, fallback: FieldData, user_id: object) -> None:
        self._fallback = fallback
        self._user_id = "" if user_id is None else str(user_id)
        self._own: dict[str, dict[str, Any]] = {}

    def get(self, block: Any, name: str) -> Any:
        own = self._own_of(block) if name == "due" else {}
        return own[name] if name in own else self._fallback.get(block, name)

    def has(self, block: Any, name: str) -> bool:
        return (name == "due" and name in self._own_of(block)) or bool(self._fallback.has(block, name))

    def set(self, block: Any, name: str, value: Any) -> None:
        self._fallback.set(block, name, value)

    def set_many(self, block: Any, update_dict: dict[str, Any]) -> None:
        self._fallback.set_many(block, update_dict)

    def delete(self, block: Any, name: str) -> None:
        self._fallback.delete(block, name)

    def default(self, block: Any, name: str) -> Any:
        return self._fallback.default(block, name)

    def _own_of(self, block: Any) -> dict[str, Any]:
        usage = str(block.scope_ids.usage_id)
        if usage not in self._own:
            row = BlockState.objects.filter(**_place(usage, self._user_id)).first() if self._user_id else None
            self._own[usage] = row.state if row else {}
        return self._own[usage]


def extension(usage: str, user_id: object) -> datetime | None:
    """The due date that one learner was given; None without one of their own."""
    row = BlockState.objects.filter(**_place(usage, user_id)).first()
    return datetime.fromisoformat(row.state["due"]) if row else None


def set_due_date_extension(usage: str, user_id: object, due: datetime | None) -> None:
    """lms/djangoapps/instructor/views/tools.py set_due_date_extension; None takes it away."""
    if due is None:
        BlockState.objects.filter(**_place(usage, user_id)).delete()
    else:
        BlockState.objects.update_or_create(**_place(usage, user_id), defaults={"state": {"due": due.isoformat()}})


def correctness_available(block: Any, has_staff_access: bool) -> bool:
    """xmodule/graders.py ShowCorrectness.correctness_available, as the Progress tab asks it: without grace."""
    wish = block.show_correctness
    if wish in ("never", "never_but_include_grade"):
        return False
    if has_staff_access or wish != "past_due":
        return True
    return block.due is None or bool(block.due < datetime.now(UTC))


def _place(usage: str, user_id: object) -> dict[str, Any]:
    return {"scope": Scope.settings.name, "scope_id": usage, "user_id": str(user_id)}
