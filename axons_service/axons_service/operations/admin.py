"""Kept answers and rate buckets."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from axons_service.operations.admin_base import ReadOnlyAdmin
from axons_service.operations.models import IdempotentAnswer, RateBucket


@admin.register(IdempotentAnswer)
class IdempotentAnswerAdmin(ReadOnlyAdmin):
    list_display = ("id", "site_id", "operation", "status", "created_at")
    list_filter = ("operation", "status")
    search_fields = ("=id",)


@admin.register(RateBucket)
class RateBucketAdmin(ReadOnlyAdmin):
    """Its key names a learner, so only the kind of limit is shown."""

    list_display = ("kind", "full_at")
    list_display_links = None
    search_fields = ("key__startswith",)
    ordering = ("-full_at",)

    @admin.display(description="limit")
    def kind(self, bucket: RateBucket) -> str:
        return bucket.key.partition(":")[0]

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is None and super().has_view_permission(request, obj)
