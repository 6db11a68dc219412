"""Celery's entry to training sets: short, resumable, safe to deliver twice."""

from uuid import UUID

from celery import shared_task

from axons_service.training_sets.prepare import training_set_prepare, training_sets_rescue


@shared_task  # type: ignore[untyped-decorator]
def prepare(training_set_id: str) -> None:
    """Check and pack one training set."""
    training_set_prepare(training_set_id=UUID(training_set_id))


@shared_task  # type: ignore[untyped-decorator]
def prepare_lost() -> None:
    """Find sets whose message or worker was lost."""
    training_sets_rescue()
