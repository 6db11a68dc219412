"""What an operator sees of compute. Limits may be changed here; tokens are set by `pool_register`."""

from django.contrib import admin

from axons_service.compute.models import Pool, Runner
from axons_service.operations.admin_base import ReadOnlyAdmin


@admin.register(Pool)
class PoolAdmin(ReadOnlyAdmin):
    list_display = ("name", "title", "provider", "min_runners", "max_runners", "is_active")
    search_fields = ("=id", "name")
    editable = ("title", "min_runners", "max_runners", "idle_seconds", "is_active")


@admin.register(Runner)
class RunnerAdmin(ReadOnlyAdmin):
    list_display = ("name", "pool", "state", "device", "version", "last_seen_at", "busy_at")
    list_filter = ("state", "pool")
    list_select_related = ("pool",)
    search_fields = ("=id", "name")
