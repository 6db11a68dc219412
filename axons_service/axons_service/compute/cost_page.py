"""The operators' page of costs: a period, by course, pool, day or job. No learners: that is for `cost_report`."""

import csv
from datetime import date, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from axons_service.compute.cost_report import COLUMNS, cost_lines
from axons_service.compute.costs import Period

SHOWN = 500  # lines of the page; the file has all
LONGEST = 366  # days
BY = ("course", "pool", "day", "job")
HIDDEN = COLUMNS.index("learner")


def cost_page(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """The page, or its lines as a CSV file with `format=csv`. What makes no sense is told on the page."""
    by = request.GET.get("by", "course")
    by = by if by in BY else "course"
    last, error = _day(request.GET.get("to"), timezone.now().date())
    first, error_too = _day(request.GET.get("from"), last - timedelta(days=29))
    error = error or error_too
    if not error and not 0 <= (last - first).days < LONGEST:
        error = f"Choose a first day that is not after the last one, and {LONGEST} days at most."
    lines = [] if error else cost_lines(by=by, period=Period(first, last))
    rows = [_shown(line.row()) for line in lines]
    if request.GET.get("format") == "csv" and not error:
        answer = HttpResponse(content_type="text/csv; charset=utf-8")
        answer["Content-Disposition"] = f'attachment; filename="costs-{first}-{last}.csv"'
        writer = csv.writer(answer, lineterminator="\n")
        writer.writerows([_shown(list(COLUMNS)), *rows])
        return answer
    context |= {
        "title": "What compute cost",
        "by": by,
        "choices": BY,
        "first": first,
        "last": last,
        "error": error,
        "columns": _shown(list(COLUMNS)),
        "rows": rows[:SHOWN],
        "left_out": max(0, len(rows) - SHOWN),
    }
    return TemplateResponse(request, "admin/axons_compute/machineuse/costs.html", context)


def _shown(row: list[str]) -> list[str]:
    return row[:HIDDEN] + row[HIDDEN + 1 :]


def _day(text: str | None, otherwise: date) -> tuple[date, str]:
    """A day of the address, and the sentence when it is none."""
    if not text:
        return otherwise, ""
    try:
        return date.fromisoformat(text), ""
    except ValueError:
        return otherwise, "Days are written like 2026-11-27."
