"""Events as readers see them, wherever they lie: rows while they are fresh, the object store later.

Rows are read before archives: what moves in between is then seen twice, never missed, and ids are unique.
"""

from typing import Any
from uuid import UUID

from django.db.models import Q

from axons_service.exercises.results import results_withhold
from axons_service.jobs.archive import archived_events, archived_log, log_text
from axons_service.jobs.models import Archive, Event, Job
from axons_service.jobs.serializers import event_output

STAFF_KINDS = ("log", "metrics", "resources")
# What an evaluation says about the hidden test set is for staff alone, who read it by the job, not in the stream.
HIDDEN = Q(job__kind=Job.Kind.EVALUATION, kind__in=STAFF_KINDS)


def events_after(project_id: UUID, after: int, limit: int) -> list[dict[str, Any]]:
    """A project's next events with ids above `after`, oldest first, as `event_output` gives them.

    Raises Problem 503 when some of them are in an object store that does not answer.
    """
    rows = list(Event.objects.filter(project_id=project_id, pk__gt=after).exclude(HIDDEN).order_by("pk")[:limit])
    results_withhold(rows)
    found = {event.pk: event_output(event) for event in rows}
    archives = Archive.objects.filter(project_id=project_id, last_event__gt=after, job__purged_at__isnull=True)
    archives = archives.order_by("first_event")
    for archive in archives.select_related("job__project__exercise"):
        if len(found) >= limit and archive.first_event > sorted(found)[limit - 1]:
            break
        is_evaluation = archive.job.kind == Job.Kind.EVALUATION
        for record in archived_events(archive.job):
            if record["id"] > after and not (is_evaluation and record["kind"] in STAFF_KINDS):
                found[record["id"]] = record
    return [found[event_id] for event_id in sorted(found)[:limit]]


def job_events(job: Job, *kinds: str) -> list[dict[str, Any]]:
    """A job's events of these kinds in order. Raises Problem 503 when they are in a store that does not answer."""
    rows = Event.objects.filter(job=job, kind__in=kinds).order_by("pk")
    found = {event.pk: event_output(event) for event in rows}
    if _is_archived(job):
        found |= {record["id"]: record for record in archived_events(job) if record["kind"] in kinds}
    return [found[event_id] for event_id in sorted(found)]


def job_log(job: Job) -> str:
    """What the job's runners logged, over all its attempts. Raises Problem 503 when the store is away."""
    written = log_text(event_output(event) for event in Event.objects.filter(job=job, kind="log").order_by("pk"))
    return archived_log(job) if _is_archived(job) else written


def _is_archived(job: Job) -> bool:
    return Archive.objects.filter(job=job).exists()
