"""A runner on a machine whose environment others can read brings a token that works once, and exchanges it."""

from __future__ import annotations

import hashlib
import logging

from axons_runner.client import ServiceClient
from axons_runner.errors import Rejected, Unavailable
from axons_runner.settings import Options
from axons_runner.shutdown import Shutdown

LONGEST_PAUSE_SECONDS = 15.0

log = logging.getLogger(__name__)


def enrol(options: Options, shutdown: Shutdown) -> bool:
    """Have the service accept the token that this process made; asks until it answers or the shutdown begins.

    Only the token's hash is sent, and always the same one, so that a lost answer is asked for again. Returns whether
    this runner may claim.
    """
    client = ServiceClient(options.service, options.enrolment_token)
    digest = hashlib.sha256(options.pool_token.encode()).hexdigest()
    pause = 0.5
    while not shutdown.begun():
        try:
            client.enrol(options.name, digest)
        except Unavailable as problem:
            log.warning("Enrolling: %s; next try in %.1f s", problem, pause)
            shutdown.wait(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
        except Rejected as refusal:
            log.error(
                "The service does not let %s enrol (%s): this machine is of no use and ends.", options.name, refusal
            )
            return False
        else:
            return True
    return False
