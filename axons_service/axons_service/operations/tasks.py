"""Housekeeping by the clock."""

import logging

from celery import shared_task

from axons_service.operations.idempotency import idempotent_answers_sweep
from axons_service.operations.rates import rate_buckets_sweep
from axons_service.sites.services import used_tokens_sweep
from axons_service.training_sets.services import uploads_sweep

logger = logging.getLogger(__name__)


@shared_task  # type: ignore[untyped-decorator]
def sweep() -> None:
    """Forget what is over (tokens, kept answers, rate buckets) and delete uploads that nothing took."""
    tokens, uploads = used_tokens_sweep(), uploads_sweep()
    answers, buckets = idempotent_answers_sweep(), rate_buckets_sweep()
    logger.info("swept %s tokens, %s uploads, %s answers, %s rate buckets", tokens, uploads, answers, buckets)
