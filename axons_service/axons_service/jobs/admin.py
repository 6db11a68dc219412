"""What an operator sees of jobs: read-only, since every change of state goes through services."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from axons_service.jobs.models import Attempt, Job


class ReadOnly(admin.ModelAdmin):  # type: ignore[type-arg]
    """Look, do not touch."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Job)
class JobAdmin(ReadOnly):
    list_display = ("id", "kind", "state", "attempt", "pool", "failure_class", "created_at", "finished_at")
    list_filter = ("state", "kind", "pool", "failure_class")
    list_select_related = ("pool",)
    search_fields = ("id", "project__id")
    show_full_result_count = False


@admin.register(Attempt)
class AttemptAdmin(ReadOnly):
    list_display = ("job_id", "number", "runner", "outcome", "failure_class", "started_at", "ended_at")
    list_filter = ("outcome", "failure_class")
    list_select_related = ("runner",)
    search_fields = ("job__id",)
    exclude = ("token_sha256",)
    show_full_result_count = False
