"""Everything taken from the platform, and every quirk of its runtimes and services, in one place.

Nothing else in this package imports `lms`, `cms`, `common`, `openedx`, `xmodule` or (but for `lms_plugin`) Django.
"""

from __future__ import annotations

import hashlib
import importlib
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

log = logging.getLogger(__name__)

LOCK_SECONDS = 30
REMEMBER_SECONDS = 300


@dataclass(frozen=True)
class Viewer:
    """The person to whom the runtime is bound."""

    user_id: object = None
    anonymous_id: str | None = None
    is_authenticated: bool = False
    is_staff: bool = False


def viewer(block: Any) -> Viewer:
    """Who looks at the block, by the attributes of the platform's user service."""
    service = block.runtime.service(block, "user")
    user = service.get_current_user() if service else None
    if user is None:
        return Viewer()
    attributes = user.opt_attrs
    return Viewer(
        user_id=attributes.get("edx-platform.user_id"),
        anonymous_id=attributes.get("edx-platform.anonymous_user_id") or None,
        is_authenticated=bool(attributes.get("edx-platform.is_authenticated")),
        # Course staff. `user_role == "instructor"` is stricter and would lock other graders out.
        is_staff=bool(attributes.get("edx-platform.user_is_staff")),
    )


def usage_id(block: Any) -> str:
    """The exercise's usage key as text."""
    return str(block.scope_ids.usage_id)


def course_id(block: Any) -> str:
    """The course key as text. Runtimes without opaque keys (the XBlock SDK) set `course_id` themselves."""
    for key in (block.context_key, getattr(block, "course_id", None), getattr(block.runtime, "course_id", None)):
        if key:
            return str(key)
    return usage_id(block)


# --- Studio ---------------------------------------------------------------------------------------------------------


def in_studio(block: Any) -> bool:
    """Whether an author works here. Only Studio's preview sets `is_author_mode`; its other handlers are known by the
    process that runs them."""
    if getattr(block.runtime, "is_author_mode", False):
        return True
    return str(_django_setting("ROOT_URLCONF", "")).startswith("cms.")


def can_author(block: Any) -> bool:
    """Whether the person may write this course. Studio runs a block's handlers for anyone who is logged in."""
    if not in_studio(block) or not viewer(block).is_authenticated:
        return False
    auth = _platform("common.djangoapps.student.auth")
    if auth is None or not _is_course(block):
        return True  # the SDK, or a library, whose runtime checks the permission itself
    return bool(auth.has_studio_write_access(_django_user(block), block.context_key))


# --- Masquerading ---------------------------------------------------------------------------------------------------


def masquerades(block: Any) -> bool:
    """Whether a staff member looks at the course as a learner does."""
    masquerade = _masquerade(block)
    return masquerade is not None and (masquerade.role == "student" or bool(masquerade.user_name))


def masquerades_as_learner(block: Any) -> bool:
    """Whether a staff member is, to every service, one certain learner."""
    masquerade = _masquerade(block)
    return masquerade is not None and bool(masquerade.user_name)


def _masquerade(block: Any) -> Any:
    """As `lms.djangoapps.courseware.masquerade.get_course_masquerade` reads it."""
    settings = getattr(_django_user(block), "masquerade_settings", None) or {}
    return settings.get(block.context_key) or settings.get(course_id(block))


# --- People ---------------------------------------------------------------------------------------------------------


def user_by_anonymous_id(block: Any, anonymous_id: str) -> Any:
    """The platform's user of an anonymous id, or None."""
    service = block.runtime.service(block, "user")
    # An empty id would mean the current user to the service.
    return service.get_user_by_anonymous_id(anonymous_id) if service and anonymous_id else None


def names(block: Any, anonymous_id: str) -> dict[str, str]:
    """`name` and `username` for the staff's lists; the beginning of the anonymous id when nobody has it."""
    user = user_by_anonymous_id(block, anonymous_id)
    if user is None:
        return {"name": anonymous_id[:8], "username": ""}
    return {"name": _name_of(user), "username": user.username}


def _name_of(user: Any) -> str:
    profile_name = getattr(getattr(user, "profile", None), "name", "") or ""
    full_name = user.get_full_name() if hasattr(user, "get_full_name") else ""
    return str(profile_name or full_name or user.username)


@dataclass(frozen=True)
class Enrolled:
    """Somebody enrolled in the course, with the anonymous ids that they have there."""

    name: str
    username: str
    anonymous_ids: frozenset[str]


def enrolled(block: Any) -> list[Enrolled] | None:
    """The course's learners, by name, without its staff; None where the platform does not say who is enrolled."""
    student = _platform("common.djangoapps.student.models")
    if student is None or not _is_course(block):
        return None
    key = block.context_key
    ids: dict[object, set[str]] = {}
    known = student.AnonymousUserId.objects.filter(course_id=key).values_list("user_id", "anonymous_user_id")
    for user_id, anonymous_id in known:
        ids.setdefault(user_id, set()).add(anonymous_id)
    staff = set(student.CourseAccessRole.objects.filter(course_id=key).values_list("user_id", flat=True))
    users = student.CourseEnrollment.objects.users_enrolled_in(key).select_related("profile")
    people = [
        Enrolled(_name_of(user), user.username, frozenset(ids.get(user.id, ())))
        for user in users
        if user.id not in staff and not user.is_staff
    ]
    return sorted(people, key=lambda person: (person.name.casefold(), person.username))


# --- Grades ---------------------------------------------------------------------------------------------------------


def callback_url(block: Any) -> str | None:
    """The absolute URL that the service may post grades to; None where no grade can be published.

    Studio raises, and library runtimes answer with an ordinary URL.
    """
    if in_studio(block) or (block.context_key is not None and not _is_course(block)):
        return None
    try:
        url = str(block.runtime.handler_url(block, "grade", thirdparty=True))
    except (NotImplementedError, TypeError):
        return None
    return url if url.startswith(("https://", "http://")) else None


def bind_to(block: Any, user: Any) -> bool:
    """Bind a block that nobody was logged in to, to `user`; whether it is bound to them now.

    Without this, the LMS drops a published grade silently.
    """
    if not _is_bound_to(block, user):
        service = block.runtime.service(block, "rebind_user")
        if service is None:
            return False
        try:
            service.rebind_noauth_module_to_user(block, user)
        except Exception:  # the platform's RebindUserServiceError cannot be imported outside of it
            log.exception("Axons: %s could not be bound to a learner", usage_id(block))
            return False
    return _is_bound_to(block, user)


def _is_bound_to(block: Any, user: Any) -> bool:
    now = viewer(block)
    return now.is_authenticated and now.user_id is not None and now.user_id == user.id


class AppliedRevisions:
    """The newest revision applied lately for one learner here: block fields are read before a lock can be had."""

    def __init__(self, cache: Any, key: str) -> None:
        self._cache = cache
        self._key = key

    @property
    def newest(self) -> int:
        return int(self._cache.get(self._key) or 0) if self._cache else 0

    def remember(self, revision: int) -> None:
        if self._cache:
            self._cache.set(self._key, revision, REMEMBER_SECONDS)

    def forget(self) -> None:
        if self._cache:
            self._cache.delete(self._key)


def applied_revisions(block: Any, learner: str) -> AppliedRevisions:
    """The memory of `learner`'s revisions, shared by all LMS workers."""
    return AppliedRevisions(_cache(), _cache_key(block, learner))


@contextmanager
def grade_lock(block: Any, learner: str) -> Iterator[bool]:
    """Whether this worker alone may now change the learner's grade. Two LMS workers are common."""
    cache = _cache()
    if cache is None:
        yield True
        return
    key = _cache_key(block, learner) + ".lock"
    held = bool(cache.add(key, 1, LOCK_SECONDS))
    try:
        yield held
    finally:
        if held:
            cache.delete(key)


def _cache_key(block: Any, learner: str) -> str:
    return "axons.grade." + hashlib.sha256(f"{usage_id(block)}|{learner}".encode()).hexdigest()[:40]


# --- Due dates ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Deadline:
    """When the viewer's work is due, and when handing in ends for them: the course's grace period later."""

    due: datetime
    closes: datetime


def deadline(block: Any) -> Deadline | None:
    """The viewer's deadline; None without a due date, in a self-paced course, and in Studio.

    The rule is `has_deadline_passed` of xmodule/modulestore/inheritance.py, whose mixin gives every block of a course
    these fields. An individual extension or a CCX's date is in `due` already: the LMS reads it, for whom the block is
    bound to, through field data that look for overrides first (edx_when, lms/djangoapps/courseware/field_overrides.py).
    """
    return None if getattr(block, "self_paced", False) or in_studio(block) else _dates(block)


def _dates(block: Any) -> Deadline | None:
    due = getattr(block, "due", None)
    if not isinstance(due, datetime):
        return None
    if due.tzinfo is None:
        due = due.replace(tzinfo=UTC)
    grace = getattr(block, "graceperiod", None)
    return Deadline(due, due + grace if isinstance(grace, timedelta) else due)


NEVER = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


def results_from(block: Any) -> datetime | None:
    """From when on learners may see what their work scored: None for always, NEVER for not at all.

    The rule is `ShowCorrectness.correctness_available` of xmodule/graders.py, over the field that
    xmodule/modulestore/inheritance.py gives every block of a course; like the problem block's, it ends with the grace
    period, in a self-paced course too. A value that is not known there shows.
    """
    wish = getattr(block, "show_correctness", "")
    if wish in ("never", "never_but_include_grade"):
        return NEVER
    dates = _dates(block) if wish == "past_due" else None
    return dates.closes if dates else None


# --- Language -------------------------------------------------------------------------------------------------------


def gettext(block: Any) -> Callable[[str], str]:
    """The translating function of the reader's language."""
    service = block.runtime.service(block, "i18n")
    translate: Callable[[str], str] = getattr(service, "gettext", None) or service.ugettext
    return translate


def locale(block: Any) -> str:
    """The reader's language, such as `en` or `pt-br`."""
    translation = _django("utils.translation")
    try:
        language = translation.get_language() if translation else None
    except Exception:  # Django without settings, as in a bare runtime
        language = None
    return str(language or "en")


def catalogue(block: Any) -> dict[str, str | list[str]]:
    """The reader's translations for the front end: text → text, or text → plural forms."""
    service = block.runtime.service(block, "i18n")
    messages = getattr(getattr(service, "translator", None), "_catalog", None)
    result: dict[str, str | list[str]] = {}
    if not isinstance(messages, Mapping):
        return result
    for key in sorted(messages, key=str):
        if isinstance(key, tuple):
            forms = result.setdefault(key[0], [])
            if isinstance(forms, list):
                forms.append(messages[key])
        elif key:
            result[key] = messages[key]
    return result


# --- The platform itself --------------------------------------------------------------------------------------------


def _is_course(block: Any) -> bool:
    return bool(getattr(block.context_key, "is_course", False))


def _django_user(block: Any) -> Any:
    """The Django user behind the user service: the only place that carries the masquerade."""
    return getattr(block.runtime.service(block, "user"), "_django_user", None)


def _platform(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError:
        return None


def user_model() -> Any:
    """Django's user model, or None in a runtime without one."""
    conf = _django("conf")
    if conf is None or not conf.settings.configured or "django.contrib.auth" not in conf.settings.INSTALLED_APPS:
        return None
    return _django("contrib.auth").get_user_model()


def _django(module: str) -> Any:
    return _platform(f"django.{module}")


def _django_setting(name: str, default: object) -> object:
    conf = _django("conf")
    if conf is None or not conf.settings.configured:
        return default
    return getattr(conf.settings, name, default)


def _cache() -> Any:
    """Django's default cache (memcached or Redis in an LMS), or None in a runtime without Django."""
    conf = _django("conf")
    return _django("core.cache").cache if conf is not None and conf.settings.configured else None
