"""Dates and extensions, for course staff: what Studio's settings of a subsection and the instructor dashboard set."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_POST

from axons_demo.lms.course import course
from axons_demo.lms.handlers import known
from axons_demo.lms.inheritance import RESULTS, extension, set_due_date_extension
from axons_demo.lms.runtime import StudioRuntime, load_block
from axons_demo.lms.studio import course_team

WORDS = dict(zip(RESULTS, ("always", "after the due date", "never", "never, but in the grade"), strict=True))


@course_team
@ensure_csrf_cookie
def dates(request: HttpRequest) -> HttpResponse:
    """Each exercise's due date, grace and results; and each student's own due date."""
    students = User.objects.filter(profile__is_course_staff=False).select_related("profile").order_by("profile__name")
    rows = []
    for usage in course().exercises:
        block = load_block(StudioRuntime(request.user), usage)
        own = [(student, extension(str(usage), student.pk)) for student in students]
        grace = int(block.graceperiod.total_seconds() // 60) if block.graceperiod else 0
        rows.append({"usage": usage, "block": block, "grace": grace, "own": own})
    return render(request, "demo_lms/dates.html", {"rows": rows, "results": WORDS.items(), "tab": "dates"})


@require_POST
@course_team
def save(request: HttpRequest, usage: str) -> HttpResponse:
    """Save one exercise's dates."""
    try:
        due = _moment(request.POST.get("due", ""))
        grace = timedelta(minutes=int(request.POST.get("grace") or 0))
    except ValueError as error:
        return HttpResponseBadRequest(f"This is no date, or no number of minutes: {error}.", content_type="text/plain")
    results = request.POST.get("results", "always")
    if results not in RESULTS:
        return HttpResponseBadRequest(f"Results are shown {', '.join(RESULTS)}.", content_type="text/plain")
    block = load_block(StudioRuntime(request.user), known(usage))
    block.due, block.graceperiod, block.show_correctness = due, grace or None, results
    block.save()
    return redirect("dates")


@require_POST
@course_team
def extend(request: HttpRequest, usage: str) -> HttpResponse:
    """Give one student a due date of their own, or take it away."""
    student = get_object_or_404(User, username=request.POST.get("student", ""), profile__is_course_staff=False)
    try:
        due = _moment(request.POST.get("due", ""))
    except ValueError as error:
        return HttpResponseBadRequest(f"This is no date: {error}.", content_type="text/plain")
    set_due_date_extension(str(known(usage)), student.pk, due)
    return redirect("dates")


def _moment(text: str) -> Any:
    return datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None
