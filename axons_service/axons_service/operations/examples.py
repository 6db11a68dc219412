"""The contract of `operations/retention`: see `operations/contract.py`."""

from typing import Any

from axons_service.operations import example_values as v
from axons_service.operations.contract import Operation

ENTRY_VALUE: dict[str, Any] = {
    "id": v.TRASH,
    "kind": "training_set",
    "object": v.TRAINING_SET,
    "title": "Cats and dogs, version 2",
    "bytes": 4821100,
    "reason": "person",
    "by_learner": True,
    "created_at": v.TIME,
    "expires_at": "2026-12-11T08:00:00+00:00",
    "state": "in_trash",
}

OPERATIONS = {
    "trash_list": Operation(
        answers={200: {"entries": [ENTRY_VALUE], "next": None}}, problems=("cursor_invalid", "not_found")
    ),
    "trash_put": Operation(
        request={"kind": "training_set", "object": v.TRAINING_SET},
        answers={201: ENTRY_VALUE, 200: ENTRY_VALUE},
        problems=("forbidden", "in_use", "nothing_to_delete"),
    ),
    "trash_restore": Operation(
        answers={200: {**ENTRY_VALUE, "state": "restored"}}, problems=("forbidden", "trash_gone")
    ),
    "trash_purge": Operation(
        answers={200: {**ENTRY_VALUE, "state": "deleted"}}, problems=("forbidden", "in_use", "trash_restored")
    ),
    "learner_erase": Operation(
        request={"learner": v.LEARNER},
        answers={200: {"id": 12, "projects": 3, "rows": 418, "erased_at": v.LATER}},
        problems=("site_only",),
    ),
}
