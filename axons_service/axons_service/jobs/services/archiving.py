"""Finished jobs leave the database: their events and log move to the object store, and are read from there."""

import logging
from datetime import timedelta
from uuid import UUID

from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from axons_service.jobs.archive import encode, log_text
from axons_service.jobs.models import Archive, Event, Job
from axons_service.jobs.serializers import event_output
from axons_service.jobs.services.moves import job_lock
from axons_service.jobs.states import TERMINAL, State
from axons_service.storage import keys, objects

BATCH = 200

logger = logging.getLogger(__name__)


def job_archive(*, job_id: UUID) -> bool:
    """Move one finished job's events to the store. True when it was done here; a repeat does nothing.

    The objects come first and rows go last, in one transaction: a crash between leaves objects that the next turn
    writes again. `state` events stay as rows too: they are few, and keep the project's newest id where it was.
    """
    job = Job.objects.select_related("project__exercise").get(pk=job_id)
    if State(job.state) not in TERMINAL or Archive.objects.filter(job=job).exists():
        return False
    events = list(Event.objects.filter(job=job).order_by("pk"))
    records = [event_output(event) for event in events]
    sequence, log = encode(records), log_text(records).encode()
    objects.put_bytes(keys.job_events_key(job), sequence, "application/gzip")
    objects.put_bytes(keys.job_log_key(job), log, "text/plain; charset=utf-8")
    with transaction.atomic():
        job_lock(job_id)
        stored = Event.objects.filter(job=job)
        if Archive.objects.filter(job=job).exists() or stored.count() != len(events):
            return False  # another worker was faster, or something was written meanwhile: the next turn sees it
        Archive.objects.create(
            job=job,
            project_id=job.project_id,
            first_event=events[0].pk if events else 0,
            last_event=events[-1].pk if events else 0,
            bytes=len(sequence) + len(log),
        )
        stored.exclude(kind="state").delete()
    return True


def jobs_archive(*, limit: int = BATCH) -> int:
    """Archive the jobs that finished AXONS_EVENTS_KEPT_SECONDS ago, oldest first; their number. Its own reconciler:

    what a turn leaves, because it crashed or the store was away, is what the next one finds.
    """
    before = timezone.now() - timedelta(seconds=settings.AXONS_EVENTS_KEPT_SECONDS)
    due = Job.objects.filter(state__in=TERMINAL, finished_at__lt=before, archive__isnull=True, purged_at__isnull=True)
    done = 0
    for job_id in due.order_by("finished_at").values_list("pk", flat=True)[:limit]:
        try:
            done += job_archive(job_id=job_id)
        except (BotoCoreError, ClientError) as error:
            logger.warning("the object store does not answer; %s jobs archived in this turn: %s", done, error)
            return done
        except Exception:  # one bad job must not keep the others
            logger.exception("job %s could not be archived", job_id)
    return done
