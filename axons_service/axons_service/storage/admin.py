"""Policies of courses, and what an operator sees of trash, deletions and erasures."""

from django.contrib import admin

from axons_service.operations.admin_base import ReadOnlyAdmin
from axons_service.storage.models import CoursePolicy, Deletion, Erasure, SweepPass, Trash


@admin.register(CoursePolicy)
class CoursePolicyAdmin(ReadOnlyAdmin):
    """Quotas and retention. A course appears with its first upload, or by `course_policy`."""

    list_display = (
        "course_key",
        "site",
        "used_bytes",
        "learner_quota_bytes",
        "course_quota_bytes",
        "ends_on",
        "retention_days",
    )
    list_filter = ("site",)
    list_select_related = ("site",)
    search_fields = ("=id", "course_key")
    editable = ("learner_quota_bytes", "course_quota_bytes", "ends_on", "retention_days")


@admin.register(Trash)
class TrashAdmin(ReadOnlyAdmin):
    list_display = ("id", "kind", "bytes", "reason", "created_at", "expires_at", "restored_at", "purged_at")
    list_filter = ("kind", "reason")
    search_fields = ("=id", "=project__id")
    ordering = ("-created_at",)


@admin.register(Deletion)
class DeletionAdmin(ReadOnlyAdmin):
    list_display = ("id", "prefix", "cursor", "not_before", "created_at")
    search_fields = ("=id", "prefix")


@admin.register(SweepPass)
class SweepPassAdmin(ReadOnlyAdmin):
    list_display = ("id", "name", "cursor", "started_at", "finished_at", "objects_deleted", "bytes_deleted")
    search_fields = ("=id", "name")


@admin.register(Erasure)
class ErasureAdmin(ReadOnlyAdmin):
    list_display = ("id", "site", "learner_hash", "projects", "rows", "created_at")
    list_select_related = ("site",)
    search_fields = ("=id", "=learner_hash")
