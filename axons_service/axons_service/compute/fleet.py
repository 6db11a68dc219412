"""Bring a pool's machines to what its work needs, and keep database and provider in agreement, both ways."""

import logging
import re
import uuid
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from axons_service.compute.decisions import decision_keep
from axons_service.compute.faults import provider_fault_count, provider_trouble_keep
from axons_service.compute.models import Pool, Runner
from axons_service.compute.providers import provider_of
from axons_service.compute.providers.base import Machine, NoCapacity, Provider, ProviderError, Status
from axons_service.compute.scaling import runners_to_start, runners_to_stop
from axons_service.compute.selectors import pool_load
from axons_service.compute.starts import has_machine, is_asked_for, machines_start
from axons_service.compute.usage import machines_unknown, uses_update

STALLED_AFTER = timedelta(seconds=180)  # a runner with a free slot claims every 20 s
STOP_GRACE = timedelta(seconds=75)  # longer than a pod's own (`kubernetes_manifest.GRACE_SECONDS`)
CRASH_WINDOW = timedelta(seconds=60)
CRASHES = 3  # so many runners that died in the window without ever claiming: wait for it to pass
UNKNOWN_GRACE = timedelta(seconds=60)  # a runner that was wrongly taken for gone claims again within 20 s

logger = logging.getLogger(__name__)


def pool_scale(*, pool_id: int) -> None:
    """See who died, stop who is not needed, start who is missing.

    Decisions are made under the pool's row lock and committed; the provider is asked before and told afterwards, never
    under a lock, since its answer may take a minute. Rows of new runners are committed before their machines are
    started, so that no machine is ever unknown; a start that was interrupted is repeated, which is safe because `start`
    is idempotent. While the provider cannot be asked, nobody is taken for dead: leases say who really is. One that
    said for how long it wants to be left alone is asked nothing.
    """
    if Pool.objects.get(pk=pool_id).is_quiet(timezone.now()):
        return
    try:
        gone = _see(pool_id)
    except ProviderError as error:
        provider_trouble_keep(pool_id=pool_id, error=error)
        return
    for runner in gone:
        _work_give_back(runner)
    with transaction.atomic():
        pool = Pool.objects.select_for_update(no_key=True).get(pk=pool_id)
        provider = provider_of(pool)
        if not provider.starts_runners:
            return
        load = pool_load(pool)
        decision_keep(pool=pool, load=load)
        if pool.is_quiet(timezone.now()):  # it said so to one of the stops
            return
        stopped = [_stopping(runner) for runner in runners_to_stop(pool, load, timezone.now())]
        missing = 0 if pool.is_blocked(timezone.now()) else runners_to_start(pool, load)
        if missing and _is_crashing(pool):
            logger.error("pool %s: its runners die before their first claim; see their logs", pool.name)
            missing = 0
        Runner.objects.bulk_create(
            Runner(pool=pool, name=f"{pool.name}-{uuid.uuid4().hex[:8]}") for _ in range(missing)
        )
    _stop(pool, provider, [(machine, False) for machine in stopped])
    machines_start(pool=pool, provider=provider)


def runner_stop(*, runner_id: int) -> bool:
    """Ask a machine to give back its job and go, whatever the policy thinks of it. True when it was asked here.

    Nothing is done to one that a person started, nor to one that is gone or going already.
    """
    runner = Runner.objects.select_related("pool").get(pk=runner_id)
    provider = provider_of(runner.pool)
    if not provider.starts_runners:
        return False
    going = Runner.objects.filter(pk=runner.pk, state__in=[Runner.State.STARTING, Runner.State.ACTIVE])
    if going.update(state=Runner.State.STOPPING, stopping_at=timezone.now()) != 1:
        return False
    if has_machine(runner) and not runner.pool.is_quiet(timezone.now()):  # otherwise at the next sight
        _stop(runner.pool, provider, [(Machine(runner.name, runner.handle, Status.ALIVE), False)])
    return True


def _see(pool_id: int) -> list[Runner]:
    """Compare the runners' rows with the provider's machines. Returns runners that are gone; stops unknown ones."""
    pool = Pool.objects.get(pk=pool_id)
    provider = provider_of(pool)
    before = {runner.pk: runner.handle for runner in pool.runners.exclude(state=Runner.State.GONE)}
    machines = provider.machines()
    uses_update(pool=pool, provider=provider, machines=machines)
    stops: list[tuple[Machine, bool]] = []
    with transaction.atomic():
        pool = Pool.objects.select_for_update(no_key=True).get(pk=pool_id)
        known = list(pool.runners.exclude(state=Runner.State.GONE))
        now = timezone.now()
        unknown = machines_unknown(pool=pool, machines=_unknown(pool, known, machines), now=now)
        for machine, since in unknown:
            if since >= UNKNOWN_GRACE:
                logger.warning("pool %s: machine %s (%s) is of no runner", pool.name, machine.name, machine.handle)
                stops.append((machine, since >= UNKNOWN_GRACE + STOP_GRACE))
        busy = pool_load(pool).busy
        # One whose machine another call started after we asked is not in our list of machines: it is no judge of that.
        judged = [runner for runner in known if before.get(runner.pk) == runner.handle]
        gone = [runner for runner in judged if _is_gone(provider, runner, machines, runner.pk in busy, now, stops)]
        Runner.objects.filter(pk__in=[runner.pk for runner in gone]).update(state=Runner.State.GONE)
        if pool.provider_error and not pool.is_blocked(timezone.now()):
            Pool.objects.filter(pk=pool.pk).update(provider_error="")
    _stop(pool, provider, stops)
    return gone


def _unknown(pool: Pool, known: list[Runner], machines: list[Machine]) -> list[Machine]:
    """Machines under a name that we gave, but of no runner: orphans, and second ones of a lost answer."""
    handles = [runner.handle for runner in known if has_machine(runner)]
    adoptable = {runner.name for runner in known if is_asked_for(runner)}
    unknown = []
    for machine in sorted(machines, key=lambda machine: str(machine.billed_from or "")):
        if machine.handle in handles or not re.fullmatch(rf"{re.escape(pool.name)}-[0-9a-f]{{8}}", machine.name):
            continue
        if machine.name in adoptable:
            adoptable.discard(machine.name)  # `machines_start` takes the first; a second one is stopped
            continue
        unknown.append(machine)
    return unknown


def _is_gone(
    provider: Provider,
    runner: Runner,
    machines: list[Machine],
    is_busy: bool,
    now: datetime,
    stops: list[tuple[Machine, bool]],
) -> bool:
    """Whether a runner is dead, or fell silent where nobody can be asked.

    Those that are of no use are replaced: what is to be stopped, and whether by force, is added to `stops`.
    """
    is_silent = not is_busy and now - (runner.last_seen_at or runner.alive_at or runner.created_at) > STALLED_AFTER
    if not provider.starts_runners:
        return is_silent
    if not has_machine(runner):
        # committed, not started yet: `machines_start` does it
        return runner.state != Runner.State.STARTING and is_silent
    status = next((machine.status for machine in machines if machine.handle == runner.handle), Status.GONE)
    if status is Status.GONE:
        return True
    if runner.state == Runner.State.STOPPING:
        overdue = runner.stopping_at is not None and now - runner.stopping_at > STOP_GRACE
        stops.append((Machine(runner.name, runner.handle, status), overdue))
    elif status is Status.STARTING and runner.last_seen_at is None and not is_busy:
        limit = timedelta(seconds=runner.pool.start_timeout_seconds)
        if now - runner.created_at > limit:
            logger.warning("runner %s does not start within %s: giving its machine back", runner.name, limit)
            stops.append((_stopping(runner), False))
            late = NoCapacity("A machine was asked for and did not start in time.")
            provider_trouble_keep(pool_id=runner.pool_id, error=late)
    elif runner.last_seen_at is None and runner.alive_at is None:
        Runner.objects.filter(pk=runner.pk).update(alive_at=now)  # it has from now on to claim
    elif is_silent:
        logger.warning("runner %s lives but does not claim: replacing it", runner.name)
        stops.append((_stopping(runner), False))
    return False


def _stopping(runner: Runner) -> Machine:
    """Mark a runner as one that is to stop; its machine, for the stop after the commit. A lost one is asked again."""
    Runner.objects.filter(pk=runner.pk).update(state=Runner.State.STOPPING, stopping_at=timezone.now())
    return Machine(runner.name, runner.handle, Status.ALIVE)


def _stop(pool: Pool, provider: Provider, stops: list[tuple[Machine, bool]]) -> None:
    """Ask machines to go, the second of each pair by force. One that fails is asked again at the next sight."""
    for machine, force in stops:
        try:
            provider.stop(machine.handle, force=force)
        except ProviderError as error:
            logger.warning("machine %s could not be stopped yet: %s", machine.name, error)
            if error.retry_after:
                provider_trouble_keep(pool_id=pool.pk, error=error)
                return
            provider_fault_count(pool_id=pool.pk, error=error)


def _is_crashing(pool: Pool) -> bool:
    since = timezone.now() - CRASH_WINDOW
    died = pool.runners.filter(state=Runner.State.GONE, created_at__gt=since, last_seen_at__isnull=True)
    return died.exclude(handle={}).count() >= CRASHES


def _work_give_back(runner: Runner) -> None:
    from axons_service.jobs.services import runner_lost

    ended = runner_lost(runner=runner)
    logger.warning("runner %s is gone%s", runner.name, f", {ended} attempts ended" if ended else "")
