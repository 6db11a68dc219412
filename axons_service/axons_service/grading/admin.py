"""Submissions, reviews and the grade outbox; a delivery that died can be tried again."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from axons_service.grading.delivery import grade_retry
from axons_service.grading.models import Allowance, AuditEntry, DeskLink, DeskTask, GradeDelivery, Review, Submission
from axons_service.operations.admin_base import ReadOnlyAdmin


@admin.register(Submission)
class SubmissionAdmin(ReadOnlyAdmin):
    list_display = ("id", "project_id", "state", "metric", "automatic_score", "override_score", "created_at")
    list_filter = ("state", "metric")
    search_fields = ("=id", "=project__id")
    ordering = ("-created_at",)


@admin.register(Review)
class ReviewAdmin(ReadOnlyAdmin):
    list_display = ("id", "submission_id", "score", "clears_override", "created_at")
    search_fields = ("=id", "=submission__id")
    ordering = ("-created_at",)


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ("id", "submission_id", "action", "created_at")
    list_filter = ("action",)
    search_fields = ("=submission__id",)
    ordering = ("-created_at",)


@admin.register(Allowance)
class AllowanceAdmin(ReadOnlyAdmin):
    list_display = ("id", "project_id", "extra_tries", "extended_until")
    search_fields = ("=project__id",)
    ordering = ("-id",)


@admin.register(DeskTask)
class DeskTaskAdmin(ReadOnlyAdmin):
    list_display = ("id", "exercise_id", "kind", "state", "done", "total", "created_at")
    list_filter = ("kind", "state")
    search_fields = ("=id",)
    ordering = ("-created_at",)


@admin.register(DeskLink)
class DeskLinkAdmin(ReadOnlyAdmin):
    list_display = ("id", "exercise_id", "expires_at", "used_at")
    fields = ("exercise", "expires_at", "used_at", "created_at")
    search_fields = ("=id",)
    ordering = ("-created_at",)


@admin.register(GradeDelivery)
class GradeDeliveryAdmin(ReadOnlyAdmin):
    list_display = ("id", "project_id", "revision", "state", "tries", "due_at", "delivered_at")
    list_filter = ("state", "reason")
    search_fields = ("=id", "=project__id", "=submission__id")
    actions = ("retry",)

    @admin.action(description="Try the delivery again now", permissions=["operate"])
    def retry(self, request: HttpRequest, deliveries: QuerySet[GradeDelivery]) -> None:
        self.each_row(request, deliveries, lambda row: grade_retry(delivery_id=row.pk), "Delivery retried")
