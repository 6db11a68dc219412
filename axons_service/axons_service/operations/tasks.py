"""Housekeeping by the clock."""

import logging

from celery import shared_task

from axons_service.sites.services import used_tokens_sweep
from axons_service.training_sets.services import uploads_sweep

logger = logging.getLogger(__name__)


@shared_task  # type: ignore[untyped-decorator]
def sweep() -> None:
    """Forget expired tokens and delete uploads that nothing took."""
    tokens, uploads = used_tokens_sweep(), uploads_sweep()
    logger.info("swept %s spent tokens and %s old uploads", tokens, uploads)
