"""Reads of the trash."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.utils.dateparse import parse_datetime

from axons_service.exercises.models import Project
from axons_service.operations.problems import Problem
from axons_service.storage.models import Trash

PAGE = 50


def trash_page(project: Project, *, after: str | None, limit: int = PAGE) -> tuple[list[Trash], str | None]:
    """The entries that can still be undone, newest first, and the cursor of the next page."""
    found = Trash.objects.filter(project=project, restored_at__isnull=True, purged_at__isnull=True)
    if after is not None:
        moment, last = _cursor(after)
        found = found.filter(Q(created_at__lt=moment) | Q(created_at=moment, pk__lt=last))
    page = list(found.order_by("-created_at", "-id")[: limit + 1])
    following = f"{page[limit - 1].created_at.isoformat()}_{page[limit - 1].pk}" if len(page) > limit else None
    return page[:limit], following


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


def _cursor(text: str) -> tuple[datetime, UUID]:
    moment, _, last = text.partition("_")
    try:
        parsed = parse_datetime(moment.replace(" ", "+"))
        if parsed is None:
            raise ValueError(text)
        return parsed, UUID(last)
    except ValueError as error:
        raise Problem(400, "cursor_invalid", "The cursor is none that this service gave out.") from error
