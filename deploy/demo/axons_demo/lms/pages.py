"""The pages of the demo LMS, laid out like the Learning MFE."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import login
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseForbidden
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_POST

from axons_demo.lms.course import Unit, course
from axons_demo.lms.inheritance import correctness_available
from axons_demo.lms.locators import UsageKey
from axons_demo.lms.models import BlockCompletion, StudentGrade
from axons_demo.lms.people import PEOPLE
from axons_demo.lms.runtime import LmsRuntime, load_block
from axons_demo.lms.services import is_course_staff


def shell(request: HttpRequest) -> dict[str, Any]:
    """For every template: the course, and who can be whom."""
    user = getattr(request, "user", None)
    return {"course": course(), "people": PEOPLE, "is_staff": bool(user and is_course_staff(user))}


def find_unit(slug: str) -> tuple[int, Unit]:
    for index, unit in enumerate(course().units):
        if unit.slug == slug:
            return index, unit
    raise Http404(f"The course has no unit {slug}.")


def completed(user: Any) -> set[str]:
    """Usage keys that the user has completed."""
    return set(BlockCompletion.objects.filter(user=user, completion__gte=1).values_list("usage", flat=True))


@ensure_csrf_cookie
def home(request: HttpRequest) -> HttpResponse:
    """Who are you today? There are no passwords in the demo."""
    return render(request, "demo_lms/home.html")


@require_POST
def become(request: HttpRequest) -> HttpResponse:
    """Log in as one of the demo's people, and go on where one was."""
    user = get_object_or_404(User, username=request.POST.get("username", ""))
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    target = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()}):
        target = "/learning/course/"
    return redirect(target)


def outline(request: HttpRequest) -> HttpResponse:
    if not request.user.is_authenticated:
        return redirect("home")
    return render(request, "demo_lms/outline.html", {"done": completed(request.user), "tab": "course"})


@ensure_csrf_cookie
def unit_page(request: HttpRequest, slug: str) -> HttpResponse:
    """A unit inside the frame of the Learning MFE: the content is an iframe that tells its height."""
    if not request.user.is_authenticated:
        return redirect("home")
    index, unit = find_unit(slug)
    units = course().units
    context = {
        "unit": unit,
        "previous": units[index - 1] if index else None,
        "next": units[index + 1] if index + 1 < len(units) else None,
        "position": index + 1,
        "count": len(units),
        "done": completed(request.user),
        "tab": "course",
    }
    return render(request, "demo_lms/unit.html", context)


@ensure_csrf_cookie
@xframe_options_sameorigin
def unit_frame(request: HttpRequest, slug: str) -> HttpResponse:
    """The unit's content alone. Imitates render_xblock of lms/djangoapps/courseware/views/views.py."""
    _, unit = find_unit(slug)
    runtime_user = request.user
    pieces, head, foot = [], [], []
    for piece in unit.pieces:
        if piece.usage is None:
            pieces.append(piece.html)
            continue
        block = load_block(LmsRuntime(runtime_user), piece.usage)
        fragment = block.render("student_view", {})
        pieces.append(fragment.body_html())
        head.append(fragment.head_html())
        foot.append(fragment.foot_html())
    return render(
        request,
        "demo_lms/frame.html",
        {"unit": unit, "pieces": pieces, "head": "\n".join(head), "foot": "\n".join(foot)},
    )


def exercise_title(usage: UsageKey, user: Any) -> str:
    return str(load_block(LmsRuntime(user), usage).display_name)


def progress(request: HttpRequest) -> HttpResponse:
    """The student's own grades. Imitates the Progress tab."""
    if not request.user.is_authenticated:
        return redirect("home")
    grades = {grade.usage: grade for grade in StudentGrade.objects.filter(user=request.user)}
    done = completed(request.user)
    rows = []
    for usage in course().exercises:
        block = load_block(LmsRuntime(request.user), usage)
        possible = block.max_score() or 0
        grade, shown = grades.get(str(usage)), correctness_available(block, is_course_staff(request.user))
        rows.append(
            {"title": block.display_name, "possible": possible, "grade": grade, "done": usage in done, "shown": shown}
        )
    rows_shown = [row for row in rows if row["shown"]]
    possible_points = sum(row["possible"] for row in rows_shown)
    earned = sum(row["grade"].earned for row in rows_shown if row["grade"])
    percent = round(100 * earned / possible_points) if possible_points else 0
    return render(
        request,
        "demo_lms/progress.html",
        {"rows": rows, "percent": percent, "earned": earned, "possible": possible_points, "tab": "progress"},
    )


def gradebook(request: HttpRequest) -> HttpResponse:
    """All students' grades, for course staff. Imitates the Gradebook MFE."""
    if not request.user.is_authenticated:
        return redirect("home")
    if not is_course_staff(request.user):
        return HttpResponseForbidden(render(request, "demo_lms/forbidden.html"))
    graded = [usage for usage in course().exercises if load_block(LmsRuntime(request.user), usage).max_score()]
    grades = {(grade.user_id, grade.usage): grade for grade in StudentGrade.objects.all()}
    students = User.objects.filter(profile__is_course_staff=False).select_related("profile").order_by("profile__name")
    rows = [
        {"student": student, "grades": [grades.get((student.pk, str(usage))) for usage in graded]}
        for student in students
    ]
    titles = [exercise_title(usage, request.user) for usage in graded]
    return render(request, "demo_lms/gradebook.html", {"rows": rows, "titles": titles, "tab": "gradebook"})
