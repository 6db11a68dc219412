"""What an operator sees of compute. Limits may be changed here; tokens are set by `pool_register`."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from axons_service.compute.models import ComputeUse, CourseLimits, Pool, Runner


@admin.register(Pool)
class PoolAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("name", "title", "provider", "min_runners", "max_runners", "is_active")
    readonly_fields = ("name", "provider", "options")
    exclude = ("token_sha256",)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Runner)
class RunnerAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("name", "pool", "state", "device", "version", "last_seen_at", "busy_at")
    list_filter = ("state", "pool")
    list_select_related = ("pool",)
    search_fields = ("name",)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(CourseLimits)
class CourseLimitsAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("course_key", "site", "max_running", "course_minutes", "learner_minutes", "period")
    list_filter = ("site", "period")
    list_select_related = ("site",)
    search_fields = ("course_key",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Whose limits these are never changes."""
        return () if obj is None else ("site", "course_key")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(ComputeUse)
class ComputeUseAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("limits", "learner", "day", "seconds")
    list_filter = ("limits__site", "day")
    list_select_related = ("limits",)
    search_fields = ("limits__course_key", "learner")
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
