"""Who may do what, and in whose name the service is asked."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

from axons_xblock import compat
from axons_xblock.config import Config
from axons_xblock.errors import Problem, gettext_noop
from axons_xblock.service import ServiceClient
from axons_xblock.tokens import Identity


def config_of(block: Any) -> Config:
    """The site's settings; raises `not_configured`."""
    return Config.from_settings(block.get_xblock_settings(default={}))


def role(block: Any) -> str:
    """learner, grader (course staff in the LMS) or author (course team in Studio)."""
    if compat.in_studio(block):
        return "author"
    return "grader" if compat.viewer(block).is_staff else "learner"


def client_of(block: Any) -> ServiceClient:
    """The service, asked in the viewer's name; raises `login_required` (401) or `forbidden` (403)."""
    config = config_of(block)
    return ServiceClient(config, identity_of(block, config.site))


def workshop_client_of(block: Any) -> ServiceClient:
    """The service, asked in the name of the author in their workshop; raises `author_only` (403)."""
    require_author(block)
    config = config_of(block)
    identity = Identity(
        learner=workshop_id(config.site, compat.viewer(block).user_id),
        course=compat.course_id(block),
        usage=compat.usage_id(block),
        role="author",
    )
    return ServiceClient(config, identity)


def identity_of(block: Any, site: str) -> Identity:
    """Who the viewer is to the service."""
    viewer = compat.viewer(block)
    if compat.in_studio(block):
        require_author(block)
        # Studio's preview gives every author the same anonymous id: each gets one of their own here.
        learner = author_id(site, viewer.user_id)
    elif not viewer.is_authenticated or viewer.anonymous_id is None:
        raise Problem(401, "login_required", gettext_noop("Log in and enrol in this course to use this exercise."))
    else:
        learner = viewer.anonymous_id
    deadline, results_from = compat.deadline(block), _results_from(block)
    return Identity(
        learner=learner,
        course=compat.course_id(block),
        usage=compat.usage_id(block),
        role=role(block),
        closes=int(deadline.closes.timestamp()) if deadline else None,
        results_from=int(results_from.timestamp()) if results_from else None,
    )


def results_hidden(block: Any) -> bool:
    """Whether the author keeps scores from the viewer now. The service decides for all that it shows."""
    results_from = _results_from(block)
    return results_from is not None and datetime.now(UTC) <= results_from


def _results_from(block: Any) -> datetime | None:
    return compat.results_from(block) if role(block) == "learner" else None


def author_id(site: str, user_id: object) -> str:
    """The id of an author's own workspace at the service; tells nobody who they are."""
    return _own_id("author", site, user_id)


def workshop_id(site: str, user_id: object) -> str:
    """The id under which an author makes sets for the library, apart from what they try out."""
    return _own_id("workshop", site, user_id)


def _own_id(what: str, site: str, user_id: object) -> str:
    return f"{what}-" + hashlib.sha256(f"{site}|{what}|{user_id}".encode()).hexdigest()[:32]


def require_staff(block: Any) -> None:
    """Course staff, in the LMS; checked anew by every staff handler."""
    viewer = compat.viewer(block)
    if not (viewer.is_authenticated and viewer.is_staff) or compat.in_studio(block):
        raise Problem(403, "staff_only", gettext_noop("Only the course staff can see and review submissions."))


def require_author(block: Any) -> None:
    """A member of the course team, in Studio."""
    if not compat.can_author(block):
        raise Problem(403, "author_only", gettext_noop("Only the course team can do this, and only in Studio."))


def require_self(block: Any) -> None:
    """Refuse changes in a learner's name by a staff member who only looks at the course as that learner."""
    if compat.masquerades_as_learner(block):
        raise Problem(
            403,
            "masquerading",
            gettext_noop("You are viewing this course as a certain learner. Nothing can be changed in their name."),
        )
