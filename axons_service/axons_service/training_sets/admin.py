"""Training sets and uploads, to look at."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from axons_service.operations.admin_base import ReadOnlyAdmin
from axons_service.training_sets.models import Export, LeakageCheck, TrainingSet, Upload


@admin.register(TrainingSet)
class TrainingSetAdmin(ReadOnlyAdmin):
    list_display = ("id", "site_id", "kind", "name", "version", "state", "image_count", "created_at")
    list_filter = ("kind", "state")
    search_fields = ("=id", "=name")
    ordering = ("-created_at",)


@admin.register(Upload)
class UploadAdmin(ReadOnlyAdmin):
    list_display = ("id", "project_id", "purpose", "content_type", "bytes", "created_at")
    list_filter = ("purpose",)
    search_fields = ("=id",)
    ordering = ("-created_at",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Without the picture's name, which may be a person's."""
        return [name for name in super().get_fields(request, obj) if name != "name"]


@admin.register(LeakageCheck)
class LeakageCheckAdmin(ReadOnlyAdmin):
    list_display = ("id", "training_set_id", "hidden_id", "exact", "near", "checked_at")
    search_fields = ("=id", "=training_set__id")


@admin.register(Export)
class ExportAdmin(ReadOnlyAdmin):
    list_display = ("id", "training_set_id", "day", "state", "done", "total", "bytes", "tries")
    list_filter = ("state",)
    search_fields = ("=id", "=training_set__id")
    ordering = ("-created_at",)
