"""The fragments: an empty place for the front end, the two files that fill it, and what they need to know."""

from __future__ import annotations

import html
from typing import Any

from web_fragments.fragment import Fragment

from axons_xblock import access, compat, richtext
from axons_xblock.errors import Problem
from axons_xblock.handlers.student import SET_ACTIONS
from axons_xblock.handlers.workshop import ACTIONS

STUDENT_HANDLERS = (
    "open",
    "read",
    *SET_ACTIONS,
    "job_create",
    "job_cancel",
    "submission_create",
)
STAFF_HANDLERS = (
    "staff_submissions",
    "staff_review",
    "staff_leakage",
    "staff_hidden",
    "staff_overview",
    "staff_overview_learners",
    "staff_not_started",
    "staff_desk",
)
STUDIO_HANDLERS = ("studio_load", "studio_save")


def student_view(block: Any) -> Fragment:
    """The exercise, with the staff's panel for course staff; a sentence for visitors who are not logged in."""
    try:
        identity = access.identity_of(block, site="")
    except Problem as problem:
        return notice(block, problem)
    can_grade = identity.role == "grader"
    handlers = STUDENT_HANDLERS + (STAFF_HANDLERS if can_grade else ())
    return _fragment(block, "student", handlers, can_grade=can_grade)


def author_view(block: Any) -> Fragment:
    """The exercise in Studio's unit page: its spec at a glance, and a workspace to try it in."""
    return _fragment(block, "author", STUDENT_HANDLERS, spec=block.effective_spec())


def studio_view(block: Any) -> Fragment:
    """The editor in Studio."""
    workshop = {action: _handler_url(block, "studio_workshop", action) for action in ACTIONS}
    return _fragment(block, "studio", STUDIO_HANDLERS, workshop=workshop)


def notice(block: Any, problem: Problem) -> Fragment:
    """A page that consists of a sentence."""
    sentence = html.escape(problem.sentence(compat.gettext(block)))
    return Fragment(f'<div class="axons-xblock"><h3>{html.escape(block.display_name)}</h3><p>{sentence}</p></div>')


def _fragment(block: Any, view: str, handlers: tuple[str, ...], **more: Any) -> Fragment:
    script, style = files(block)
    fragment = Fragment('<div class="axons-xblock"></div>')
    fragment.add_css_url(style)
    fragment.add_javascript_url(script)
    fragment.initialize_js("AxonsBlock", page_args(block, view, handlers, **more))
    return fragment


def files(block: Any) -> tuple[str, str]:
    """The URLs of the front end's script and style sheet."""
    url = block.runtime.local_resource_url
    return str(url(block, "static/axons.js")), str(url(block, "static/axons.css"))


def page_args(block: Any, view: str, handlers: tuple[str, ...], **more: Any) -> dict[str, Any]:
    """What the front end needs to know to begin."""
    return {
        "view": view,
        "handlers": {name: _handler_url(block, name) for name in handlers},
        # Derived from a file's URL: storages rename files, not folders.
        "static_base": files(block)[0].partition("?")[0].rpartition("/")[0] + "/",
        "locale": compat.locale(block),
        "catalogue": compat.catalogue(block),
        "display_name": block.display_name,
        "instructions": richtext.to_html(block.instructions),
        "weight": block.max_score(),
        **more,
    }


def _handler_url(block: Any, name: str, suffix: str = "") -> str:
    # Studio's preview ends its URLs with an empty query.
    return str(block.runtime.handler_url(block, name, suffix)).rstrip("?")
