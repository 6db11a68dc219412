"""The workbench's runtime with the platform's manners: LMS and Studio, one class each."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.urls import reverse
from web_fragments.fragment import Fragment
from workbench.runtime import WorkbenchRuntime
from xblock.fields import ScopeIds
from xblock.runtime import Mixologist, Runtime

from axons_demo.lms import services
from axons_demo.lms.inheritance import InheritanceMixin, OwnDates
from axons_demo.lms.locators import COURSE, UsageKey
from axons_demo.lms.storage import CourseIds, lms_field_data, studio_field_data

IDS = CourseIds()


class LmsRuntime(WorkbenchRuntime):
    """Imitates the LMS's runtime as lms/djangoapps/courseware/block_render.py prepares it."""

    js_runtime = "LmsRuntime"
    is_author_mode = False

    def __init__(self, user: services.Person) -> None:
        super().__init__(user.pk)
        self.id_reader = IDS
        self.id_generator = IDS
        self.mixologist = Mixologist([InheritanceMixin])
        self._services["settings"] = services.SettingsService()
        self.bind(user)

    def bind(self, user: services.Person) -> None:
        """Give the block the services of this user."""
        self.user = user
        self.user_id = user.pk
        self._services["field-data"] = OwnDates(lms_field_data(), user.pk)
        self._services["user"] = services.Users(user, COURSE)
        self._services["completion"] = services.CompletionService(user)
        self._services["rebind_user"] = services.RebindUserService(user)
        self._publisher = services.PublishService(user)

    def service(self, block: Any, service_name: str) -> Any:
        """Like the platform, translations come in the block's own name."""
        if service_name == "i18n":
            return services.I18nService(block)
        return super().service(block, service_name)

    def publish(self, block: Any, event_type: str, event_data: dict[str, Any]) -> None:
        self._publisher.publish(block, event_type, event_data)

    def handler_url(
        self, block: Any, handler_name: str, suffix: str = "", query: str = "", thirdparty: bool = False
    ) -> str:
        """lms/djangoapps/lms_xblock/runtime.py handler_url: absolute for third parties."""
        if not getattr(block.__class__, handler_name, None):
            raise ValueError(f"{handler_name!r} is not a function name")
        view = "xblock_handler_noauth" if thirdparty else "xblock_handler"
        url = reverse(view, args=(COURSE, str(block.scope_ids.usage_id), handler_name, suffix))
        if not suffix:
            url = url.rstrip("/")
        if query:
            url += "?" + query
        if thirdparty:
            scheme = "https" if settings.HTTPS == "on" else "http"
            url = f"{scheme}://{settings.SITE_NAME}{url}"
        return url

    def local_resource_url(self, block: Any, uri: str) -> str:
        """openedx/core/lib/xblock_utils xblock_local_resource_url."""
        return reverse("package_resource", args=(block.scope_ids.block_type, uri))

    def _patch_xblock(self, block: Any) -> None:
        """Nothing to patch: usage keys here know their course."""

    def _wrap_ele(self, block: Any, view: str, frag: Any, extra_data: Any = None) -> Fragment:
        """openedx/core/lib/xblock_utils wrap_xblock: the element says which JavaScript runtime it wants."""
        extra = {**(extra_data or {}), "runtime-class": self.js_runtime, "usage-id": str(block.scope_ids.usage_id)}
        return Runtime._wrap_ele(self, block, view, frag, extra)


class StudioRuntime(LmsRuntime):
    """Imitates cms/djangoapps/contentstore/views/preview.py and cms/djangoapps/contentstore/views/block.py."""

    js_runtime = "StudioRuntime"
    is_author_mode = True

    def __init__(self, user: services.Person) -> None:
        super().__init__(user)
        self._services["field-data"] = studio_field_data()
        # Studio publishes no grades and tracks no completion.
        del self._services["completion"], self._services["rebind_user"]

    def publish(self, block: Any, event_type: str, event_data: dict[str, Any]) -> None:
        """Studio drops what previews publish."""

    def handler_url(
        self, block: Any, handler_name: str, suffix: str = "", query: str = "", thirdparty: bool = False
    ) -> str:
        """cms/djangoapps/xblock_config handler_url: no third parties in Studio."""
        if thirdparty:
            raise NotImplementedError("edX Studio doesn't support third-party xblock handler urls")
        url = reverse("studio_handler", args=(str(block.scope_ids.usage_id), handler_name, suffix)).rstrip("/")
        return f"{url}?{query}" if query else url


def load_block(runtime: LmsRuntime, usage: UsageKey) -> Any:
    """The block at this place, bound to the runtime's user."""
    block_class = runtime.mixologist.mix(runtime.load_block_type(usage.block_type))
    return runtime.construct_xblock_from_class(block_class, ScopeIds(runtime.user_id, usage.block_type, usage, usage))
