"""Housekeeping by the clock."""

import logging

from celery import shared_task

from axons_service.operations.retention.sweep import sweep_run

logger = logging.getLogger(__name__)


@shared_task  # type: ignore[untyped-decorator]
def sweep() -> None:
    """Apply the retention rules for a minute; the next call goes on where this one stopped."""
    done = {rule: count for rule, count in sweep_run().items() if count}
    logger.info("swept %s", ", ".join(f"{count} {rule}" for rule, count in done.items()) or "nothing")
