"""Celery's entry to training sets: short, resumable, safe to deliver twice."""

from uuid import UUID

from celery import shared_task

from axons_service.training_sets.exports import export_build, exports_rescue
from axons_service.training_sets.prepare import training_set_prepare, training_sets_rescue


@shared_task  # type: ignore[untyped-decorator]
def prepare(training_set_id: str) -> None:
    """Check and pack one training set, or a slice of it."""
    training_set_prepare(training_set_id=UUID(training_set_id))


@shared_task  # type: ignore[untyped-decorator]
def export(export_id: str) -> None:
    """Make one training set's zip."""
    export_build(export_id=UUID(export_id))


@shared_task  # type: ignore[untyped-decorator]
def prepare_lost() -> None:
    """Find sets and exports whose message or worker was lost."""
    training_sets_rescue()
    exports_rescue()
