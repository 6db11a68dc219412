"""How a runner whose environment others can read comes by a token of its own.

Its machine is started with an enrolment token. With that the runner enrols once, and names the hash of a token that it
made itself; that token claims for this runner alone and dies with its machine. The enrolment token is derived, not
kept: a start that is repeated after a lost answer gives the machine that is there already the same one.
"""

import hmac
from datetime import timedelta

from django.utils import timezone
from django.utils.crypto import salted_hmac

from axons_service.compute.deployment import deployment_label
from axons_service.compute.models import Runner
from axons_service.operations.problems import Problem

LATE = timedelta(minutes=10)  # after the pool's time for a start: a machine that is so late is given back anyway
NOT_OURS = "This is not the enrolment token of a runner that is awaited. Its machine is replaced by itself."


def enrolment_token(*, pool: str, runner: str) -> str:
    """The token that a runner of this name enrols with: 64 hexadecimal digits."""
    value = f"{deployment_label()}/{pool}/{runner}"
    return salted_hmac("axons_service.compute.enrolment", value, algorithm="sha256").hexdigest()


def runner_enrol(*, name: str, token: str, token_sha256: str) -> Runner:
    """Let the runner claim with the token of this hash. The same call again is fine: its answer may have been lost.

    Raises Problem 401 for a wrong or late enrolment token, 409 when somebody else enrolled with it.
    """
    pool, _, _ = name.rpartition("-")
    runner = Runner.objects.select_related("pool").filter(pool__name=pool, pool__is_active=True, name=name).first()
    if runner is None or not hmac.compare_digest(enrolment_token(pool=pool, runner=name).encode(), token.encode()):
        raise Problem(401, "enrolment_token", NOT_OURS)
    row = Runner.objects.filter(pk=runner.pk)
    until = runner.created_at + timedelta(seconds=runner.pool.start_timeout_seconds) + LATE
    awaited = row.exclude(state=Runner.State.GONE).filter(token_sha256="")
    if timezone.now() < until and awaited.update(token_sha256=token_sha256) == 1:
        return runner
    known = row.values_list("token_sha256", flat=True).get()
    if known == "":
        raise Problem(401, "enrolment_token", NOT_OURS)
    if not hmac.compare_digest(known, token_sha256):
        raise Problem(409, "enrolment_used", f"Somebody enrolled as {name} already: its token works once.")
    return runner


def runner_of_token(token_sha256: str) -> Runner | None:
    """The runner whose own token has this hash, of an active pool. One that is gone has none once its machine ended."""
    runner = (
        Runner.objects.select_related("pool").filter(token_sha256=token_sha256, pool__is_active=True).first()
        if token_sha256
        else None
    )
    if runner is None or runner.state != Runner.State.GONE:
        return runner
    is_there = runner.pool.uses.filter(is_closed=False, runner_name=runner.name).exists()
    return runner if is_there else None
