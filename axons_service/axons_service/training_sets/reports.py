"""What became of each file: the first lines in the set's row, all of them in the store."""

import json
from collections import Counter
from typing import Any

from axons_service.operations.cursors import cursor_read, cursor_sign
from axons_service.operations.problems import Problem
from axons_service.storage import keys, objects
from axons_service.training_sets.drafts import ReportLine
from axons_service.training_sets.models import TrainingSet

ROW_LINES = 100


def report_store(training_set: TrainingSet, report: list[ReportLine]) -> dict[str, Any]:
    """The row's `report` and `report_counts`; a report too long for the row goes to the store, its refusals first."""
    counts = dict(sorted(Counter(line["code"] for line in report).items()))
    if len(report) <= ROW_LINES:
        return {"report": report, "report_counts": counts}
    ordered = sorted(report, key=lambda line: line["accepted"])
    objects.put_bytes(
        keys.report_key(training_set), json.dumps(ordered, separators=(",", ":")).encode(), "application/json"
    )
    return {"report": ordered[:ROW_LINES], "report_counts": counts}


def report_page(training_set: TrainingSet, *, after: str | None, limit: int) -> dict[str, Any]:
    """A page of report lines: {"lines", "next"}; `after` is the cursor of the page before.

    Raises Problem 410 `report_gone` for lines that the store no longer has.
    """
    of = f"report:{training_set.pk}"
    start = cursor_read(after, of=of)[0] + 1 if after is not None else 0
    lines: list[ReportLine] = training_set.report
    total = sum(training_set.report_counts.values())
    if total > len(lines) and start + limit > len(lines):
        try:
            lines = json.loads(objects.get_bytes(keys.report_key(training_set)))
        except FileNotFoundError as error:
            raise Problem(410, "report_gone", _gone(len(lines), total)) from error
    page = lines[start : start + limit]
    following = cursor_sign([start + limit - 1], of=of) if start + limit < max(total, len(lines)) else None
    return {"lines": page, "next": following}


def _gone(kept: int, total: int) -> str:
    first = f"Of its {total:,} lines the first {kept:,} are left." if kept else "It was deleted with its training set."
    return f"The full report on these files is no longer there. {first} Upload the pictures again for a new report."
