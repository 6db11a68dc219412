"""Events: numbered per job, and in commit order per project."""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F

from axons_service.exercises.models import Project
from axons_service.jobs.models import Event, Job


def event_append(*, project: Project, job: Job | None, kind: str, data: dict[str, Any]) -> Event:
    """Tell the watchers of a project. `job` is null for what concerns a training set or a submission."""
    return events_append(project_id=project.pk, job=job, items=[(kind, data)])[0]


@transaction.atomic
def events_append(*, project_id: UUID, job: Job | None, items: list[(tuple[str, dict[str, Any]])]) -> list[Event]:
    """Append several events in order.

    The project's row stays locked until commit, so that within a project a higher id never becomes visible before
    a lower one: a watcher that has seen id n has missed nothing below n. Lock order: job before project.
    """
    seq = attempt = 0
    if job is not None:
        Job.objects.filter(pk=job.pk).update(event_seq=F("event_seq") + len(items))
        last, attempt = Job.objects.values_list("event_seq", "attempt").get(pk=job.pk)
        seq = last - len(items)
    list(Project.objects.select_for_update(no_key=True).filter(pk=project_id).values_list("pk"))
    return Event.objects.bulk_create(
        [
            Event(
                project_id=project_id,
                job=job,
                seq=seq + number if job is not None else 0,
                attempt=attempt,
                kind=kind,
                data=data,
            )
            for number, (kind, data) in enumerate(items, start=1)
        ]
    )
