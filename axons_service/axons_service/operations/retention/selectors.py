"""Reads of the trash."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from axons_service.exercises.models import Project
from axons_service.operations.problems import Problem
from axons_service.storage.models import Trash


def trash_rows(project: Project) -> QuerySet[Trash]:
    """The entries that can still be undone."""
    return Trash.objects.filter(project=project, restored_at__isnull=True, purged_at__isnull=True)


def trash_entry(project: Project, entry_id: UUID) -> Trash:
    """An entry of this project, whatever became of it. Raises Problem 404."""
    found = Trash.objects.select_related("project__exercise").filter(project=project, pk=entry_id).first()
    if found is None:
        raise Problem(404, "not_found", "There is no such entry in this trash.")
    return found


def trash_output(entry: Trash) -> dict[str, Any]:
    """An entry as JSON-ready values."""
    state = "restored" if entry.restored_at else "deleted" if entry.purged_at else "in_trash"
    return {
        "id": str(entry.pk),
        "kind": entry.kind,
        "object": str(entry.object_id),
        "title": entry.title,
        "bytes": entry.bytes,
        "reason": entry.reason,
        "by_learner": bool(entry.deleted_by) and entry.deleted_by == entry.project.learner,
        "created_at": entry.created_at.isoformat(),
        "expires_at": entry.expires_at.isoformat(),
        "state": state,
    }
