"""The demo's Studio: a unit page with previews, and the editor in a sandboxed iframe."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseForbidden
from django.shortcuts import redirect, render
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.csrf import ensure_csrf_cookie

from axons_demo.lms.handlers import invoke, known
from axons_demo.lms.pages import find_unit
from axons_demo.lms.runtime import StudioRuntime, load_block
from axons_demo.lms.services import is_course_staff


def course_team(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Studio is for the course team."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.is_authenticated:
            return redirect("home")
        if not is_course_staff(request.user):
            return HttpResponseForbidden(render(request, "demo_lms/forbidden.html"))
        return view(request, *args, **kwargs)

    return guarded


@course_team
def outline(request: HttpRequest) -> HttpResponse:
    return render(request, "demo_lms/studio_outline.html", {"tab": "studio"})


@course_team
@ensure_csrf_cookie
def container(request: HttpRequest, slug: str) -> HttpResponse:
    """Imitates Studio's unit page: each block a card with its preview and an Edit button."""
    _, unit = find_unit(slug)
    cards = []
    for piece in unit.pieces:
        block = load_block(StudioRuntime(request.user), piece.usage) if piece.usage else None
        cards.append({"usage": piece.usage, "html": piece.html, "title": block.display_name if block else "Text"})
    return render(request, "demo_lms/studio_container.html", {"unit": unit, "cards": cards, "tab": "studio"})


def _frame(request: HttpRequest, usage: str, view: str) -> HttpResponse:
    block = load_block(StudioRuntime(request.user), known(usage))
    fragment = block.render(view, {})
    context = {
        "pieces": [fragment.body_html()],
        "head": fragment.head_html(),
        "foot": fragment.foot_html(),
        "studio": True,
    }
    return render(request, "demo_lms/frame.html", context)


@course_team
@ensure_csrf_cookie
@xframe_options_sameorigin
def preview(request: HttpRequest, usage: str) -> HttpResponse:
    """The block's author_view. Imitates cms/djangoapps/contentstore/views/preview.py."""
    return _frame(request, usage, "author_view")


@course_team
@ensure_csrf_cookie
@xframe_options_sameorigin
def editor(request: HttpRequest, usage: str) -> HttpResponse:
    """The block's studio_view, as the authoring MFE's modal shows it: an iframe of its own."""
    return _frame(request, usage, "studio_view")


@course_team
def handler(request: HttpRequest, usage: str, handler: str, suffix: str | None = None) -> HttpResponse:
    """Imitates component_handler of cms/djangoapps/contentstore/views/component.py."""
    return invoke(StudioRuntime(request.user), request, usage, handler, suffix)
