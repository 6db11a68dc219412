"""Every write of jobs. Each noun has its module; this is the one door."""

from axons_service.jobs.services.archiving import job_archive, jobs_archive
from axons_service.jobs.services.attempts import (
    Batch,
    attempt_events_append,
    attempt_fail,
    attempt_release,
    attempt_uploads_prepare,
    checkpoint_record,
    lease_expire,
    runner_lost,
)
from axons_service.jobs.services.claims import Claim, job_claim
from axons_service.jobs.services.events import event_append
from axons_service.jobs.services.finish import attempt_finish
from axons_service.jobs.services.lifecycle import job_cancel, job_create, job_dispatch

__all__ = [
    "Batch",
    "Claim",
    "attempt_events_append",
    "attempt_fail",
    "attempt_finish",
    "attempt_release",
    "attempt_uploads_prepare",
    "checkpoint_record",
    "event_append",
    "job_archive",
    "job_cancel",
    "job_claim",
    "job_create",
    "job_dispatch",
    "jobs_archive",
    "lease_expire",
    "runner_lost",
]
