"""Events: numbered per job, and in commit order per project."""

import json
from typing import Any, cast
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F, QuerySet
from django.db.models.sql import UpdateQuery
from django.utils import timezone

from axons_service.exercises.models import Project
from axons_service.jobs.models import Event, Job

# What PostgreSQL is told in one round trip, since every move of every job passes here: {first} changes the job's row
# and gives its project, newest number and attempt; then the project's row is locked, and only then ids are taken.
APPEND = f"""
    WITH numbered AS ({{first}}), held AS (
        SELECT id FROM {Project._meta.db_table}
        WHERE id = %s AND EXISTS (SELECT 1 FROM numbered) FOR NO KEY UPDATE
    ), appended AS (
        INSERT INTO {Event._meta.db_table} (project_id, job_id, seq, attempt, kind, data, created_at)
        SELECT held.id, %s, numbered.event_seq - %s + item.number, numbered.attempt, item.kind, item.data, %s
        FROM numbered CROSS JOIN held
        CROSS JOIN UNNEST(%s::text[], %s::jsonb[]) WITH ORDINALITY AS item (kind, data, number)
        ORDER BY item.number
        RETURNING id, seq, attempt
    )
    SELECT id, seq, attempt FROM appended ORDER BY id
"""
NUMBER = f"UPDATE {Job._meta.db_table} SET event_seq = event_seq + %s WHERE id = %s RETURNING event_seq, attempt"


def event_append(*, project: Project, job: Job | None, kind: str, data: dict[str, Any]) -> Event:
    """Tell the watchers of a project. `job` is null for what concerns a training set or a submission."""
    return events_append(project_id=project.pk, job=job, items=[(kind, data)])[0]


@transaction.atomic(savepoint=False)
def events_append(*, project_id: UUID, job: Job | None, items: list[(tuple[str, dict[str, Any]])]) -> list[Event]:
    """Append several events in order; none when there is no such job.

    The project's row stays locked until commit, so that within a project a higher id never becomes visible before
    a lower one: a watcher that has seen id n has missed nothing below n. Lock order: job before project.
    """
    if job is not None and connection.vendor == "postgresql":
        return _appended(project_id, job, items, NUMBER, [len(items), job.pk])
    last = attempt = 0
    if job is not None:
        if not Job.objects.filter(pk=job.pk).update(event_seq=F("event_seq") + len(items)):
            return []
        last, attempt = Job.objects.values_list("event_seq", "attempt").get(pk=job.pk)
        job.event_seq = last
    list(Project.objects.select_for_update(no_key=True).filter(pk=project_id).values_list("pk"))
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


@transaction.atomic(savepoint=False)
def job_update(
    *, rows: QuerySet[Job], job: Job, changes: dict[str, Any], items: list[tuple[str, dict[str, Any]]]
) -> bool:
    """Change the job's row, if it is still one of `rows`, and append the events that tell it. True when it was."""
    if connection.vendor != "postgresql":
        if rows.update(**changes) != 1:
            return False
        events_append(project_id=job.project_id, job=job, items=items)
        return True
    update = cast(UpdateQuery, rows.query.chain(UpdateQuery))
    update.add_update_values({**changes, "event_seq": F("event_seq") + len(items)})
    statement, parameters = update.get_compiler(connection=connection).as_sql()
    statement = f"{statement} RETURNING event_seq, {Job._meta.db_table}.attempt"
    return bool(_appended(job.project_id, job, items, statement, list(parameters)))


def _appended(
    project_id: UUID, job: Job, items: list[tuple[str, dict[str, Any]]], first: str, parameters: list[Any]
) -> list[Event]:
    """The events, appended by one statement that begins with `first`; none when that found no row."""
    now = timezone.now()
    kinds, texts = [kind for kind, _ in items], [json.dumps(data) for _, data in items]
    with connection.cursor() as cursor:
        cursor.execute(APPEND.format(first=first), [*parameters, project_id, job.pk, len(items), now, kinds, texts])
        rows = cursor.fetchall()
    job.event_seq = rows[-1][1] if rows else job.event_seq
    return [
        Event(id=pk, project_id=project_id, job=job, seq=seq, attempt=attempt, kind=kind, data=data, created_at=now)
        for (pk, seq, attempt), (kind, data) in zip(rows, items, strict=False)
    ]
