"""Celery's part: short control tasks. Losing any message costs seconds, never a job."""

from uuid import UUID

from celery import shared_task

from axons_service.jobs.services import job_dispatch, jobs_archive
from axons_service.jobs.services.reconcile import jobs_reconcile
from axons_service.jobs.services.turns import turns_tidy


@shared_task  # type: ignore[untyped-decorator]
def dispatch_job(job_id: str) -> None:
    """Let runners claim the job. A repeat finds it dispatched already and does nothing."""
    job_dispatch(job_id=UUID(job_id))


@shared_task  # type: ignore[untyped-decorator]
def reconcile() -> None:
    """Beat: apply every deadline of every non-terminal state."""
    jobs_reconcile()


@shared_task  # type: ignore[untyped-decorator]
def tidy_turns() -> None:
    """Beat: who has nothing to claim any more leaves the line; who was forgotten joins it."""
    turns_tidy()


@shared_task  # type: ignore[untyped-decorator]
def archive_jobs() -> None:
    """Beat: move the events of jobs that finished a while ago to the object store; the next turn does what is left."""
    jobs_archive()
