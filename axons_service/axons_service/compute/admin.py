"""What an operator sees of compute. Limits may be changed here; tokens are set by `pool_register`."""

from django.contrib import admin
from django.http import HttpRequest

from axons_service.compute.models import ComputeUse, CourseLimits, MachineUse, Pool, Runner
from axons_service.operations.admin_base import ReadOnlyAdmin


@admin.register(Pool)
class PoolAdmin(ReadOnlyAdmin):
    list_display = ("name", "title", "provider", "min_runners", "max_runners", "is_active")
    search_fields = ("=id", "name")
    editable = (
        "title",
        "min_runners",
        "max_runners",
        "idle_seconds",
        "price_per_hour",
        "currency",
        "billing_unit_seconds",
        "start_timeout_seconds",
        "is_active",
    )


@admin.register(Runner)
class RunnerAdmin(ReadOnlyAdmin):
    list_display = ("name", "pool", "state", "device", "version", "last_seen_at", "busy_at")
    list_filter = ("state", "pool")
    list_select_related = ("pool",)
    search_fields = ("=id", "name")


@admin.register(CourseLimits)
class CourseLimitsAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("course_key", "site", "max_running", "course_minutes", "learner_minutes", "period")
    list_filter = ("site", "period")
    list_select_related = ("site",)
    search_fields = ("=id", "course_key")

    def get_readonly_fields(self, request: HttpRequest, obj: CourseLimits | None = None) -> tuple[str, ...]:
        """Whose limits these are never changes."""
        return () if obj is None else ("site", "course_key")

    def has_delete_permission(self, request: HttpRequest, obj: CourseLimits | None = None) -> bool:
        return False


@admin.register(ComputeUse)
class ComputeUseAdmin(ReadOnlyAdmin):
    list_display = ("limits", "day", "seconds")
    list_filter = ("limits__site", "day")
    list_select_related = ("limits",)
    search_fields = ("=id", "limits__course_key")
    show_full_result_count = False


@admin.register(MachineUse)
class MachineUseAdmin(ReadOnlyAdmin):
    list_display = ("runner_name", "pool", "billed_from", "billed_until", "price_per_hour", "currency", "is_closed")
    list_filter = ("pool", "is_closed")
    list_select_related = ("pool",)
    search_fields = ("=id", "runner_name")
    show_full_result_count = False
