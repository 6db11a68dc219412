"""Where block fields are kept, and how keys become block types."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from xblock.exceptions import InvalidScopeError
from xblock.field_data import FieldData, ReadOnlyFieldData, SplitFieldData
from xblock.fields import Scope, UserScope
from xblock.runtime import IdGenerator, IdReader, KeyValueStore, KvsFieldData

from axons_demo.lms.locators import UsageKey, usage_key
from axons_demo.lms.models import BlockState

AUTHORED = (Scope.content, Scope.settings, Scope.parent, Scope.children)
STUDENT = (Scope.user_state, Scope.user_state_summary, Scope.preferences, Scope.user_info)


class BlockStateStore(KeyValueStore):
    """A key-value store over BlockState."""

    @staticmethod
    def knows(usage: UsageKey) -> bool:
        """Whether an author's fields of this block are stored."""
        return BlockState.objects.filter(scope_id=str(usage), user_id="").exists()

    @staticmethod
    def _address(key: Any) -> dict[str, Any]:
        """The row of a key. Raises InvalidScopeError for state of a user nobody is logged in as."""
        if getattr(key.scope, "user", None) == UserScope.ONE and key.user_id is None:
            raise InvalidScopeError(key)
        return {
            "scope": str(key.scope.name),
            "scope_id": str(key.block_scope_id or ""),
            "user_id": "" if key.user_id is None else str(key.user_id),
        }

    def has(self, key: Any) -> bool:
        try:
            row = BlockState.objects.filter(**self._address(key)).first()
        except InvalidScopeError:
            return False
        return row is not None and key.field_name in row.state

    def get(self, key: Any) -> Any:
        row = BlockState.objects.filter(**self._address(key)).first()
        if row is None:
            raise KeyError(key)
        return row.state[key.field_name]

    def default(self, key: Any) -> Any:
        raise KeyError(key)

    def set(self, key: Any, value: Any) -> None:
        self.set_many({key: value})

    def set_many(self, update_dict: dict[Any, Any]) -> None:
        with transaction.atomic():
            for key, value in update_dict.items():
                row, _ = BlockState.objects.get_or_create(**self._address(key))
                row.state[key.field_name] = value
                row.save(update_fields=["state"])

    def delete(self, key: Any) -> None:
        with transaction.atomic():
            row = BlockState.objects.filter(**self._address(key)).first()
            if row is None or key.field_name not in row.state:
                raise KeyError(key)
            del row.state[key.field_name]
            row.save(update_fields=["state"])


def lms_field_data() -> FieldData:
    """Imitates lms/djangoapps/lms_xblock/field_data.py LmsFieldData: what authors wrote cannot be written here."""
    store = KvsFieldData(BlockStateStore())
    authored = ReadOnlyFieldData(store)
    return SplitFieldData({**dict.fromkeys(AUTHORED, authored), **dict.fromkeys(STUDENT, store)})


def studio_field_data() -> FieldData:
    """Studio writes authored fields; a preview's own state lies with the author's user id."""
    return KvsFieldData(BlockStateStore())


class CourseIds(IdReader, IdGenerator):
    """Definition and usage ids of the demo course: both are the usage key, as in split modulestore's simplest case."""

    def get_usage_id_from_aside(self, aside_id: Any) -> Any:
        raise NotImplementedError("The demo LMS has no asides.")

    def get_definition_id_from_aside(self, aside_id: Any) -> Any:
        raise NotImplementedError("The demo LMS has no asides.")

    def get_aside_type_from_usage(self, aside_id: Any) -> Any:
        raise NotImplementedError("The demo LMS has no asides.")

    def get_aside_type_from_definition(self, aside_id: Any) -> Any:
        raise NotImplementedError("The demo LMS has no asides.")

    def create_aside(self, definition_id: Any, usage_id: Any, aside_type: Any) -> Any:
        raise NotImplementedError("The demo LMS has no asides.")

    def create_definition(self, block_type: str, slug: str | None = None) -> UsageKey:
        if slug is None:
            raise ValueError(f"A <{block_type}> in the course has no url_name.")
        return usage_key(block_type, slug)

    def create_usage(self, def_id: Any) -> UsageKey:
        return UsageKey(def_id)

    def get_definition_id(self, usage_id: Any) -> UsageKey:
        return UsageKey(usage_id)

    def get_block_type(self, def_id: Any) -> str:
        return UsageKey(def_id).block_type
