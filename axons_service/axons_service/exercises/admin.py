"""Specs, exercises and projects, to look at."""

from django.contrib import admin

from axons_service.exercises.models import Exercise, Project, Spec
from axons_service.operations.admin_base import ReadOnlyAdmin


@admin.register(Spec)
class SpecAdmin(ReadOnlyAdmin):
    list_display = ("id", "site_id", "hash", "created_at")
    search_fields = ("=id", "hash__startswith")


@admin.register(Exercise)
class ExerciseAdmin(ReadOnlyAdmin):
    list_display = ("id", "site_id", "usage_key", "course_key", "created_at")
    search_fields = ("=id", "usage_key", "course_key")


@admin.register(Project)
class ProjectAdmin(ReadOnlyAdmin):
    list_display = ("id", "exercise_id", "spec_id", "last_compute_at", "created_at")
    search_fields = ("=id",)
    ordering = ("-created_at",)
