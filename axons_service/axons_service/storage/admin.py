"""Policies of courses, and what an operator sees of trash, deletions and erasures."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest

from axons_service.storage.models import CoursePolicy, Deletion, Erasure, SweepPass, Trash

if TYPE_CHECKING:
    PoliciesAdmin = admin.ModelAdmin[CoursePolicy]
else:
    PoliciesAdmin = admin.ModelAdmin


@admin.register(CoursePolicy)
class CoursePolicyAdmin(PoliciesAdmin):
    """Quotas and retention. A course appears with its first upload."""

    list_display = (
        "course_key", "site", "used_bytes", "learner_quota_bytes", "course_quota_bytes", "ends_on", "retention_days"
    )  # fmt: skip
    list_filter = ("site",)
    list_select_related = ("site",)
    search_fields = ("course_key",)
    readonly_fields = ("used_bytes",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class Seen(admin.ModelAdmin):  # type: ignore[type-arg]
    """Look, do not touch."""

    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Trash)
class TrashAdmin(Seen):
    list_display = ("id", "kind", "title", "bytes", "reason", "created_at", "expires_at", "restored_at", "purged_at")
    list_filter = ("kind", "reason")
    search_fields = ("id", "project__id")


@admin.register(Deletion)
class DeletionAdmin(Seen):
    list_display = ("prefix", "cursor", "not_before", "created_at")


@admin.register(SweepPass)
class SweepPassAdmin(Seen):
    list_display = ("name", "cursor", "started_at", "finished_at", "objects_deleted", "bytes_deleted")


@admin.register(Erasure)
class ErasureAdmin(Seen):
    list_display = ("id", "site", "learner_hash", "requested_by", "projects", "rows", "created_at")
    list_select_related = ("site",)
