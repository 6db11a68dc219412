"""What an operator sees of compute. Limits may be changed here; tokens are set by `pool_register`."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from axons_service.compute.models import Pool, Runner


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
