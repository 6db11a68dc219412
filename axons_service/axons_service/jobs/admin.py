"""What an operator sees of jobs: read-only, since every change of state goes through services."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from axons_service.jobs.models import (
    Archive,
    Attempt,
    Checkpoint,
    CourseTurn,
    Event,
    Job,
    LearnerTurn,
    Model,
    Prediction,
    PredictionBatch,
)
from axons_service.operations.admin_base import ReadOnlyAdmin
from axons_service.operations.page.actions import job_give_up, job_requeue


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    list_display = ("id", "kind", "state", "attempt", "pool", "failure_class", "created_at", "finished_at")
    list_filter = ("state", "kind", "pool", "failure_class")
    list_select_related = ("pool",)
    search_fields = ("=id", "=project__id")
    ordering = ("-created_at",)
    actions = ("cancel", "requeue")

    @admin.action(description="Cancel", permissions=["operate"])
    def cancel(self, request: HttpRequest, jobs: QuerySet[Job]) -> None:
        """As the learner's own button: a waiting job at once, a held one with its runner's next heartbeat."""
        self.each_row(request, jobs, job_give_up, "Job cancelled")

    @admin.action(description="Give back to the queue", permissions=["operate"])
    def requeue(self, request: HttpRequest, jobs: QuerySet[Job]) -> None:
        """End a held job's attempt, whose runner then hears 409, and dispatch a queued one again. Costs no try."""
        self.each_row(request, jobs, job_requeue, "Job given back to the queue")


@admin.register(Attempt)
class AttemptAdmin(ReadOnlyAdmin):
    list_display = ("job_id", "number", "runner", "outcome", "failure_class", "started_at", "ended_at")
    list_filter = ("outcome", "failure_class")
    list_select_related = ("runner",)
    search_fields = ("=id", "=job__id")


@admin.register(Checkpoint)
class CheckpointAdmin(ReadOnlyAdmin):
    list_display = ("id", "job_id", "attempt", "step", "epoch", "bytes", "created_at")
    search_fields = ("=id", "=job__id")


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    list_display = ("id", "project_id", "job_id", "seq", "attempt", "kind", "created_at")
    search_fields = ("=id", "=job__id", "=project__id")


@admin.register(Model)
class ModelAdmin(ReadOnlyAdmin):
    list_display = ("id", "site_id", "source", "architecture", "job_id", "created_at")
    list_filter = ("source", "architecture")
    search_fields = ("=id", "=job__id", "=project__id")
    ordering = ("-created_at",)


@admin.register(Prediction)
class PredictionAdmin(ReadOnlyAdmin):
    list_display = ("id", "job_id", "model_id", "seconds", "created_at")
    search_fields = ("=id", "=job__id")
    ordering = ("-created_at",)


@admin.register(PredictionBatch)
class PredictionBatchAdmin(ReadOnlyAdmin):
    list_display = ("id", "job_id", "name", "seconds", "created_at")
    search_fields = ("=id", "=job__id")
    ordering = ("-created_at",)


@admin.register(CourseTurn)
class CourseTurnAdmin(ReadOnlyAdmin):
    list_display = ("id", "pool", "kind", "limits", "served_at", "waiting_since")
    list_filter = ("pool", "kind")
    list_select_related = ("pool", "limits")
    search_fields = ("=id", "limits__course_key")


@admin.register(LearnerTurn)
class LearnerTurnAdmin(ReadOnlyAdmin):
    list_display = ("id", "course_turn_id", "served_at", "waiting_since")
    search_fields = ("=id", "=course_turn__id")


@admin.register(Archive)
class ArchiveAdmin(ReadOnlyAdmin):
    list_display = ("id", "job_id", "first_event", "last_event", "bytes", "created_at")
    search_fields = ("=id", "=job__id")
