"""User retirement: what a learner made is erased at the training service too."""

import logging
from typing import Any

from django.conf import settings

from axons_xblock.access import author_id, workshop_id
from axons_xblock.config import Config
from axons_xblock.errors import Problem
from axons_xblock.service import ServiceClient
from axons_xblock.tokens import Identity

log = logging.getLogger(__name__)

# The LMS itself asks, in no course and for no exercise; the service opens nothing but the erasure to this role.
LMS = Identity(learner="retirement", course="-", usage="-", role="site")


class ErasureFailed(Exception):
    """The service could not erase everything. The platform's retirement stops here and is to be run again."""


def learner_retired(sender: Any, user: Any, **more: Any) -> None:
    """Erase everything that the service knows of `user`, under each of their anonymous ids.

    Receives `USER_RETIRE_LMS_CRITICAL`. Raises ErasureFailed when one of them could not be erased, after all were
    tried: the retirement is then marked as failed, and running it again erases the rest.
    """
    bucket = getattr(settings, "XBLOCK_SETTINGS", {}).get("axons")
    if not bucket:
        log.info("Axons: no settings on this site, so the service knows nobody; nothing to erase.")
        return
    try:
        config = Config.from_settings(bucket)
    except Problem as error:
        raise ErasureFailed(f"Axons: a retired user was not erased. {error.sentence()}") from error
    client = ServiceClient(config, LMS)
    own = [author_id(config.site, user.id), workshop_id(config.site, user.id)]
    learners = [*user.anonymoususerid_set.values_list("anonymous_user_id", flat=True), *own]
    failures = [refusal for learner in learners if (refusal := _erase(client, learner)) is not None]
    if failures:
        raise ErasureFailed(
            f"Axons: {len(failures)} of a retired user's {len(learners)} ids were not erased. Run the retirement "
            f"again when the training service answers. First reason: {failures[0].sentence()}"
        )
    log.info("Axons: a retired user was erased under %d ids.", len(learners))


def _erase(client: ServiceClient, learner: str) -> Problem | None:
    """Erase one id; why not, if it could not be done."""
    try:
        client.post("/learners/erase", {"learner": learner})
    except Problem as problem:
        return problem
    return None
