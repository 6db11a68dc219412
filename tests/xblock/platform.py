"""What the LMS and Studio are to an XBlock, as far as Axons asks. Each fake names the platform file it imitates."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from xblock.fields import Scope, UserScope
from xblock.reference.user_service import XBlockUser
from xblock.test.tools import TestRuntime


@dataclass(frozen=True)
class CourseKey:
    """opaque_keys.edx.locator.CourseLocator"""

    text: str = "course-v1:Axons+Vision+2026"
    is_course: bool = True

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class UsageKey:
    """opaque_keys.edx.locator.BlockUsageLocator"""

    block_id: str = "flowers"
    context_key: CourseKey = field(default_factory=CourseKey)

    def __str__(self) -> str:
        return f"block-v1:Axons+Vision+2026+type@axons+block@{self.block_id}"


@dataclass
class Profile:
    """common/djangoapps/student/models/user.py: UserProfile"""

    name: str


@dataclass
class User:
    """django.contrib.auth.models.User, with what the platform hangs on it."""

    id: int | None
    username: str = ""
    profile: Profile = field(default_factory=lambda: Profile(""))
    is_staff_of_course: bool = False
    is_authenticated: bool = True
    masquerade_settings: dict[CourseKey, Any] = field(default_factory=dict)

    @property
    def is_anonymous(self) -> bool:
        return not self.is_authenticated

    def get_full_name(self) -> str:
        return ""


@dataclass
class CourseMasquerade:
    """lms/djangoapps/courseware/masquerade.py"""

    role: str = "student"
    user_name: str | None = None


def anonymous() -> User:
    return User(id=None, is_authenticated=False)


def anonymous_id(user: User) -> str:
    """common/djangoapps/student/models/user.py: anonymous_id_for_user"""
    return f"{user.id or 0:032x}"


class UserService:
    """common/djangoapps/xblock_django/user_service.py: DjangoXBlockUserService"""

    def __init__(self, django_user: User, people: list[User], *, studio: bool = False) -> None:
        self._django_user = django_user
        self._people = people
        self._studio = studio

    def get_current_user(self) -> XBlockUser:
        user = XBlockUser(is_current_user=True)
        if self._django_user.is_authenticated:
            user.full_name = self._django_user.profile.name
            user.opt_attrs["edx-platform.is_authenticated"] = True
            user.opt_attrs["edx-platform.user_id"] = self._django_user.id
            user.opt_attrs["edx-platform.username"] = self._django_user.username
            # Studio's services know neither staff nor anonymous ids (cms/djangoapps/contentstore/utils.py).
            user.opt_attrs["edx-platform.user_is_staff"] = self._is_staff()
            user.opt_attrs["edx-platform.anonymous_user_id"] = None if self._studio else anonymous_id(self._django_user)
        else:
            user.opt_attrs["edx-platform.is_authenticated"] = False
        return user

    def get_user_by_anonymous_id(self, uid: str | None = None) -> User | None:
        uid = uid or anonymous_id(self._django_user)
        return next((user for user in self._people if anonymous_id(user) == uid), None)

    def _is_staff(self) -> bool:
        # lms/djangoapps/courseware/access.py: whoever masquerades as a learner has no staff access
        masquerade = self._django_user.masquerade_settings.get(CourseKey())
        return self._django_user.is_staff_of_course and not self._studio and masquerade is None


class RebindUserServiceError(Exception):
    """xmodule/services.py"""


class RebindUserService:
    """xmodule/services.py"""

    def __init__(self, user: User) -> None:
        self.user = user

    def rebind_noauth_module_to_user(self, block: Any, real_user: User) -> None:
        if self.user.is_authenticated:
            raise RebindUserServiceError("can only be called from a module bound to an anonymous user")
        block.runtime.journal.append(("rebind", real_user.id))
        block.runtime.prepare_for(real_user)
        bind_for_student(block, real_user)


class SettingsService:
    """xmodule/services.py"""

    def __init__(self, xblock_settings: dict[str, Any]) -> None:
        self._settings = xblock_settings

    def get_settings_bucket(self, block: Any, default: Any = None) -> Any:
        return self._settings.get(block.block_settings_key, {} if default is None else default)


class CompletionService:
    """completion/services.py of openedx-completion"""

    def __init__(self, user: User) -> None:
        self.user = user

    def completion_tracking_enabled(self) -> bool:
        return True


def bind_for_student(block: Any, user: User) -> None:
    """xmodule/x_module.py: XModuleMixin.bind_for_student"""
    block.save()
    block.scope_ids = block.scope_ids._replace(user_id=user.id)
    for one in block.fields.values():
        if one.scope not in (Scope.parent, Scope.children) and one.scope.user == UserScope.ONE:
            one._del_cached_value(block)
            block._dirty_fields.pop(one, None)


class LmsRuntime(TestRuntime):
    """lms/djangoapps/lms_xblock/runtime.py and xmodule/x_module.py: ModuleStoreRuntime"""

    def __init__(self, *, user: User, people: list[User], settings: dict[str, Any], field_data: Any) -> None:
        super().__init__(services={"field-data": field_data, "settings": SettingsService({"axons": settings})})
        self.people = people
        self.journal: list[tuple[str, Any]] = []
        self.gradebook: dict[int | None, tuple[float, float]] = {}
        self.completions: dict[int | None, float] = {}
        self.prepare_for(user)

    def prepare_for(self, user: User) -> None:
        """lms/djangoapps/courseware/block_render.py: prepare_runtime_for_user"""
        self.user = user
        self._services.update(
            user=UserService(user, self.people),
            rebind_user=RebindUserService(user),
            completion=CompletionService(user) if user.is_authenticated else None,
        )

    def publish(self, block: Any, event_type: str, event: dict[str, Any]) -> None:
        """xmodule/services.py: EventPublishingService. A grade of nobody is dropped without a word."""
        self.journal.append((event_type, event))
        completion = self.service(block, "completion")
        masquerade = self.user.masquerade_settings.get(CourseKey())
        if masquerade is not None and masquerade.user_name:
            return
        if event_type == "grade" and not self.user.is_anonymous:
            self.gradebook[self.user.id] = (event["value"], event["max_value"])
        if event_type == "completion" and completion is not None:
            self.completions[self.user.id] = event["completion"]

    def handler_url(self, block: Any, handler: str, suffix: str = "", query: str = "", thirdparty: bool = False) -> str:
        kind = "handler_noauth" if thirdparty else "handler"
        path = f"/courses/{block.context_key}/xblock/{block.scope_ids.usage_id}/{kind}/{handler}"
        return f"https://lms.example.org{path}" if thirdparty else path

    def local_resource_url(self, block: Any, uri: str) -> str:
        name, _, suffix = uri.rpartition(".")
        return f"/static/xblock/resources/axons_xblock/{name}.0123abcd.{suffix}"  # ManifestStaticFilesStorage


class StudioRuntime(LmsRuntime):
    """cms/djangoapps/contentstore/views/preview.py and cms/lib/xblock/runtime.py"""

    is_author_mode = True

    def prepare_for(self, user: User) -> None:
        super().prepare_for(user)
        self._services["user"] = UserService(user, self.people, studio=True)
        self._services["rebind_user"] = None

    def handler_url(self, block: Any, handler: str, suffix: str = "", query: str = "", thirdparty: bool = False) -> str:
        if thirdparty:
            raise NotImplementedError("edX Studio doesn't support third-party xblock handler urls")
        path = f"/xblock/{block.scope_ids.usage_id}/handler/{handler}/{suffix}".rstrip("/")
        return f"{path}?{query}"
