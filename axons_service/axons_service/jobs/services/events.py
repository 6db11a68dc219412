"""Events: numbered per job, and in commit order per project."""

from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F

from axons_service.exercises.models import Project
from axons_service.jobs.models import Event, Job

NUMBERS = f"""
    WITH numbered AS (
        UPDATE {Job._meta.db_table} SET event_seq = event_seq + %s WHERE id = %s RETURNING event_seq, attempt
    ), held AS (
        SELECT id FROM {Project._meta.db_table} WHERE id = %s FOR NO KEY UPDATE
    )
    SELECT numbered.event_seq, numbered.attempt FROM numbered CROSS JOIN held
"""


def event_append(*, project: Project, job: Job | None, kind: str, data: dict[str, Any]) -> Event:
    """Tell the watchers of a project. `job` is null for what concerns a training set or a submission."""
    return events_append(project_id=project.pk, job=job, items=[(kind, data)])[0]


@transaction.atomic(savepoint=False)
def events_append(*, project_id: UUID, job: Job | None, items: list[(tuple[str, dict[str, Any]])]) -> list[Event]:
    """Append several events in order.

    The project's row stays locked until commit, so that within a project a higher id never becomes visible before
    a lower one: a watcher that has seen id n has missed nothing below n. Lock order: job before project.
    """
    last, attempt = _numbers_take(project_id, job, len(items))
    seq = last - len(items)
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


def _numbers_take(project_id: UUID, job: Job | None, count: int) -> tuple[int, int]:
    """Lock the project and take `count` numbers of the job: its newest number, and its attempt. Zeros without a job."""
    if job is None or connection.vendor != "postgresql":
        last = attempt = 0
        if job is not None:
            Job.objects.filter(pk=job.pk).update(event_seq=F("event_seq") + count)
            last, attempt = Job.objects.values_list("event_seq", "attempt").get(pk=job.pk)
        list(Project.objects.select_for_update(no_key=True).filter(pk=project_id).values_list("pk"))
        return last, attempt
    with connection.cursor() as cursor:  # the same three in one round trip: every move of every job passes here
        cursor.execute(NUMBERS, [count, job.pk, project_id])
        last, attempt = cursor.fetchone()
    return last, attempt
