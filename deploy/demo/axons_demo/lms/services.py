"""The LMS services that the workbench lacks. Each names the file of the platform that it imitates."""

from __future__ import annotations

import gettext
import logging
from pathlib import Path
from typing import Any

import django.utils.translation
from django.contrib.auth.models import AnonymousUser, User
from django.utils.translation import get_language, to_locale
from workbench.services import SettingsService
from xblock.fields import Scope, UserScope
from xblock.reference.user_service import UserService, XBlockUser

from axons_demo.lms import models
from axons_demo.lms.locators import UsageKey

log = logging.getLogger(__name__)

Person = User | AnonymousUser
__all__ = ["CompletionService", "I18nService", "PublishService", "RebindUserService", "SettingsService", "Users"]


def is_course_staff(user: Person) -> bool:
    profile = getattr(user, "profile", None)
    return bool(profile and profile.is_course_staff)


class Users(UserService):
    """common/djangoapps/xblock_django/user_service.py DjangoXBlockUserService."""

    def __init__(self, django_user: Person, course_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._django_user = django_user
        self._course_id = course_id
        self._anonymous_user_id = (
            models.anonymous_id_for_user(django_user, course_id) if isinstance(django_user, User) else None
        )

    def get_current_user(self) -> XBlockUser:
        user = XBlockUser(is_current_user=True)
        django_user = self._django_user
        if not isinstance(django_user, User):
            user.opt_attrs["edx-platform.is_authenticated"] = False
            return user
        staff = is_course_staff(django_user)
        user.full_name = django_user.profile.name
        user.emails = [django_user.email]
        user.opt_attrs.update(
            {
                "edx-platform.anonymous_user_id": self._anonymous_user_id,
                "edx-platform.is_authenticated": True,
                "edx-platform.user_id": django_user.pk,
                "edx-platform.username": django_user.username,
                "edx-platform.user_is_beta_tester": False,
                "edx-platform.user_is_global_staff": False,
                "edx-platform.user_is_staff": staff,
                # Course staff who are no instructors: what SGA #384 is about.
                "edx-platform.user_role": "staff" if staff else "student",
                "edx-platform.user_preferences": {},
            }
        )
        return user

    def get_anonymous_user_id(self, username: str, course_id: str) -> str | None:
        """None when the asker is not staff, or nobody has this name."""
        if not self.get_current_user().opt_attrs.get("edx-platform.user_is_staff"):
            return None
        user = User.objects.filter(username=username).first()
        return models.anonymous_id_for_user(user, course_id) if user else None

    def get_user_by_anonymous_id(self, uid: str | None = None) -> User | None:
        return models.user_by_anonymous_id(uid or self._anonymous_user_id)


class RebindUserServiceError(Exception):
    """xmodule/services.py RebindUserServiceError."""


class RebindUserService:
    """xmodule/services.py RebindUserService, and bind_for_student of xmodule/x_module.py."""

    def __init__(self, user: Person) -> None:
        self.user = user

    def rebind_noauth_module_to_user(self, block: Any, real_user: User) -> None:
        if self.user.is_authenticated:
            message = "rebind_noauth_module_to_user can only be called from a module bound to an anonymous user"
            log.error(message)
            raise RebindUserServiceError(message)
        block.save()
        block.scope_ids = block.scope_ids._replace(user_id=real_user.pk)
        for field in block.fields.values():
            if field.scope not in (Scope.parent, Scope.children) and field.scope.user == UserScope.ONE:
                field._del_cached_value(block)
                block._dirty_fields.pop(field, None)
        block.runtime.bind(real_user)


class CompletionService:
    """completion/services.py CompletionService of openedx/completion."""

    def __init__(self, user: Person) -> None:
        self._user = user

    def completion_tracking_enabled(self) -> bool:
        return True

    def submit_completion(self, block_key: str, completion: float) -> None:
        if isinstance(self._user, User):
            models.BlockCompletion.objects.update_or_create(
                user=self._user, usage=str(block_key), defaults={"completion": completion}
            )

    def get_completions(self, candidates: list[str]) -> dict[str, float]:
        if not isinstance(self._user, User):
            return dict.fromkeys(candidates, 0.0)
        rows = models.BlockCompletion.objects.filter(user=self._user, usage__in=[str(key) for key in candidates])
        found = {row.usage: row.completion for row in rows}
        return {key: found.get(str(key), 0.0) for key in candidates}


class PublishService:
    """xmodule/services.py EventPublishingService: an event's `user_id` is ignored, an anonymous grade dropped."""

    def __init__(self, user: Person) -> None:
        self.user = user

    def publish(self, block: Any, event_type: str, event: dict[str, Any]) -> None:
        completion = block.runtime.service(block, "completion")
        if event_type == "grade":
            self._grade(block, event)
        elif event_type == "completion" and completion:
            completion.submit_completion(block.scope_ids.usage_id, event["completion"])
        else:
            log.info("event %s of %s: %s", event_type, block.scope_ids.usage_id, event)

    def _grade(self, block: Any, event: dict[str, Any]) -> None:
        if not isinstance(self.user, User):
            return
        usage = str(block.scope_ids.usage_id)
        earned, possible = event["value"], event["max_value"]
        current = models.StudentGrade.objects.filter(user=self.user, usage=usage).first()
        if current and event.get("only_if_higher") and earned / possible <= current.earned / current.possible:
            return
        models.StudentGrade.objects.update_or_create(
            user=self.user, usage=usage, defaults={"earned": earned, "possible": possible}
        )
        log.info("grade of %s for %s: %s of %s", self.user.username, UsageKey(usage).block_id, earned, possible)


class I18nService:
    """xmodule/modulestore/django.py XBlockI18nService: the block's own catalogue of the reader's language."""

    def __init__(self, block: Any) -> None:
        self.translator: Any = django.utils.translation
        block_class = getattr(block, "unmixed_class", block.__class__)
        module = __import__(block_class.__module__, fromlist=["__file__"])
        folder = Path(str(module.__file__)).parent / "translations"
        try:
            self.translator = gettext.translation("text", str(folder), [to_locale(get_language() or "en")])
        except OSError:
            log.debug("no catalogue of %s in %s", get_language(), folder)

    def __getattr__(self, name: str) -> Any:
        name = "gettext" if name == "ugettext" else name
        return getattr(self.translator, name)

    def strftime(self, *args: Any, **kwargs: Any) -> str:
        return str(args[0].strftime(args[1]))
