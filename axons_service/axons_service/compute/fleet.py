"""Bring a pool's machines to what its work needs, and keep database and provider in agreement, both ways."""

import logging
import re
import uuid
from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.utils import timezone

from axons_service.compute.decisions import decision_keep
from axons_service.compute.faults import provider_fault_count
from axons_service.compute.models import Pool, Runner
from axons_service.compute.providers import provider_of
from axons_service.compute.providers.base import Machine, NoCapacity, Provider, ProviderError, Rejected, Status
from axons_service.compute.scaling import runners_to_start, runners_to_stop
from axons_service.compute.selectors import pool_load
from axons_service.compute.usage import machine_use_open, uses_update

STALLED_AFTER = timedelta(seconds=180)  # a runner with a free slot claims every 20 s
STOP_GRACE = timedelta(seconds=30)
CRASH_WINDOW = timedelta(seconds=60)
CRASHES = 3  # so many runners that died in the window without ever claiming: wait for it to pass
NO_CAPACITY_PAUSE = timedelta(seconds=60)
ASKED_AT = "asked_at"  # in place of a handle while its machine is asked for
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC).isoformat()  # whoever asked had no answer: ask again
START_PATIENCE = timedelta(minutes=2)  # after that whoever asked is taken for dead
REJECTED_PAUSE = timedelta(minutes=5)

logger = logging.getLogger(__name__)


def pool_scale_for_work(*, pool_id: int) -> None:
    """Scale a pool that just got work, unless its runners are enough: then nothing is locked and nobody polled."""
    pool = Pool.objects.get(pk=pool_id)
    if (
        provider_of(pool).starts_runners
        and not pool.is_blocked(timezone.now())
        and runners_to_start(pool, pool_load(pool))
    ):
        pool_scale(pool_id=pool_id)


def pool_scale(*, pool_id: int) -> None:
    """See who died, stop who is not needed, start who is missing.

    Decisions are made under the pool's row lock and committed; the provider is asked before and told afterwards, never
    under a lock, since its answer may take a minute. Rows of new runners are committed before their machines are
    started, so that no machine is ever unknown; a start that was interrupted is repeated, which is safe because `start`
    is idempotent. While the provider cannot be asked, nobody is taken for dead: leases say who really is.
    """
    try:
        gone = _see(pool_id)
    except ProviderError as error:
        _trouble(pool_id, error)
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
        stopped = [_stopping(runner) for runner in runners_to_stop(pool, load, timezone.now())]
        missing = 0 if pool.is_blocked(timezone.now()) else runners_to_start(pool, load)
        if missing and _is_crashing(pool):
            logger.error("pool %s: its runners die before their first claim; see their logs", pool.name)
            missing = 0
        Runner.objects.bulk_create(
            Runner(pool=pool, name=f"{pool.name}-{uuid.uuid4().hex[:8]}") for _ in range(missing)
        )
    for machine in stopped:
        _attempt_stop(pool, provider, machine)
    _start(pool, provider)


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
    if _has_machine(runner):
        _attempt_stop(runner.pool, provider, Machine(runner.name, runner.handle, Status.ALIVE))
    return True


def _see(pool_id: int) -> list[Runner]:
    """Compare the runners' rows with the provider's machines. Returns runners that are gone; stops unknown machines."""
    pool = Pool.objects.get(pk=pool_id)
    provider = provider_of(pool)
    before = {runner.pk: runner.handle for runner in pool.runners.exclude(state=Runner.State.GONE)}
    machines = provider.machines()
    uses_update(pool=pool, provider=provider, machines=machines)
    stops: list[tuple[Machine, bool]] = []
    with transaction.atomic():
        pool = Pool.objects.select_for_update(no_key=True).get(pk=pool_id)
        known = list(pool.runners.exclude(state=Runner.State.GONE))
        for machine in _unknown(pool, known, machines):
            logger.warning(
                "pool %s: machine %s (%s) is unknown here, stopping it", pool.name, machine.name, machine.handle
            )
            stops.append((machine, False))
        now = timezone.now()
        busy = pool_load(pool).busy
        # One whose machine another call started after we asked is not in our list of machines: it is no judge of that.
        judged = [runner for runner in known if before.get(runner.pk) == runner.handle]
        gone = [runner for runner in judged if _is_gone(provider, runner, machines, runner.pk in busy, now, stops)]
        Runner.objects.filter(pk__in=[runner.pk for runner in gone]).update(state=Runner.State.GONE)
        if pool.provider_error and not pool.is_blocked(timezone.now()):
            Pool.objects.filter(pk=pool.pk).update(provider_error="")
    for machine, force in stops:
        _attempt_stop(pool, provider, machine, force=force)
    return gone


def _unknown(pool: Pool, known: list[Runner], machines: list[Machine]) -> list[Machine]:
    """Machines under a name that we gave, but of no runner: orphans, and second ones of a lost answer."""
    handles = [runner.handle for runner in known if _has_machine(runner)]
    adoptable = {runner.name for runner in known if _is_asked_for(runner)}
    unknown = []
    for machine in sorted(machines, key=lambda machine: str(machine.billed_from or "")):
        if machine.handle in handles or not re.fullmatch(rf"{re.escape(pool.name)}-[0-9a-f]{{8}}", machine.name):
            continue
        if machine.name in adoptable:
            adoptable.discard(machine.name)  # `_start` takes the first; a second one is stopped
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
    is_silent = not is_busy and now - (runner.last_seen_at or runner.created_at) > STALLED_AFTER
    if not provider.starts_runners:
        return is_silent
    if not _has_machine(runner):
        # committed, not started yet: `_start` does it
        return runner.state != Runner.State.STARTING and is_silent
    status = next((machine.status for machine in machines if machine.handle == runner.handle), Status.GONE)
    if status is Status.GONE:
        return True
    if runner.state == Runner.State.STOPPING:
        overdue = runner.stopping_at is not None and now - runner.stopping_at > STOP_GRACE
        stops.append((Machine(runner.name, runner.handle, status), overdue))
    elif status is Status.STARTING:
        limit = timedelta(seconds=runner.pool.start_timeout_seconds)
        if now - runner.created_at > limit:
            logger.warning("runner %s does not start within %s: giving its machine back", runner.name, limit)
            stops.append((_stopping(runner), False))
            _trouble(runner.pool_id, NoCapacity("A machine was asked for and did not start in time."))
    elif is_silent:
        logger.warning("runner %s lives but does not claim: replacing it", runner.name)
        stops.append((_stopping(runner), False))
    return False


def _stopping(runner: Runner) -> Machine:
    """Mark a runner as one that is to stop; its machine, for the stop after the commit. A lost one is asked again."""
    Runner.objects.filter(pk=runner.pk).update(state=Runner.State.STOPPING, stopping_at=timezone.now())
    return Machine(runner.name, runner.handle, Status.ALIVE)


def _attempt_stop(pool: Pool, provider: Provider, machine: Machine, *, force: bool = False) -> None:
    """A stop that fails is asked again at the next sight: the machine is still there then."""
    try:
        provider.stop(machine.handle, force=force)
    except ProviderError as error:
        logger.warning("machine %s could not be stopped yet: %s", machine.name, error)
        provider_fault_count(pool_id=pool.pk, error=error)


def _start(pool: Pool, provider: Provider) -> None:
    """Start the machines of rows that have none. Each is asked for by one call at a time: who marked its row."""
    for runner in pool.runners.filter(state__in=[Runner.State.STARTING, Runner.State.ACTIVE]):
        if not _is_asked_for(runner) or not _mark(runner):
            continue
        try:
            handle = provider.start(runner.name)
        except (NoCapacity, Rejected) as error:
            Runner.objects.filter(pk=runner.pk).update(state=Runner.State.GONE, handle={})
            _trouble(pool.pk, error)
        except ProviderError as error:
            # perhaps it was started and the answer was lost: the row stays, and `start` finds the machine next time
            Runner.objects.filter(pk=runner.pk).update(handle={ASKED_AT: LONG_AGO})
            _trouble(pool.pk, error)
        except Exception as error:
            logger.exception("runner %s could not be started", runner.name)
            provider_fault_count(pool_id=pool.pk, error=error)
            Runner.objects.filter(pk=runner.pk).update(state=Runner.State.GONE, handle={})
        else:
            Runner.objects.filter(pk=runner.pk).update(handle=handle)
            machine_use_open(pool=pool, machine=Machine(runner.name, handle, Status.STARTING))


def _mark(runner: Runner) -> bool:
    """Take the start of a runner for this call, by compare-and-swap on its handle."""
    asked_at = runner.handle.get(ASKED_AT)
    if asked_at is not None and timezone.now() - datetime.fromisoformat(asked_at) < START_PATIENCE:
        return False
    mark = {ASKED_AT: timezone.now().isoformat()}
    return Runner.objects.filter(pk=runner.pk, handle=runner.handle).update(handle=mark) == 1


def _is_asked_for(runner: Runner) -> bool:
    """Whether its start is under way, or is to be made or repeated. It may claim before its handle is known."""
    is_marked = runner.state == Runner.State.ACTIVE and ASKED_AT in runner.handle
    return not _has_machine(runner) and (runner.state == Runner.State.STARTING or is_marked)


def _has_machine(runner: Runner) -> bool:
    """Whether the provider gave it a handle: a mark of who asks for one is none."""
    return bool(runner.handle) and ASKED_AT not in runner.handle


def _trouble(pool_id: int, error: ProviderError) -> None:
    """Remember what the provider said, and leave it alone for a while."""
    pause = {NoCapacity: NO_CAPACITY_PAUSE, Rejected: REJECTED_PAUSE}.get(type(error), timedelta(0))
    pause = max(pause, timedelta(seconds=error.retry_after or 0))
    logger.warning("pool %s: %s", pool_id, error)
    provider_fault_count(pool_id=pool_id, error=error)
    Pool.objects.filter(pk=pool_id).update(
        provider_error=str(error)[:500], blocked_until=timezone.now() + pause if pause else None
    )


def _is_crashing(pool: Pool) -> bool:
    since = timezone.now() - CRASH_WINDOW
    died = pool.runners.filter(state=Runner.State.GONE, created_at__gt=since, last_seen_at__isnull=True)
    return died.exclude(handle={}).count() >= CRASHES


def _work_give_back(runner: Runner) -> None:
    from axons_service.jobs.services import runner_lost

    ended = runner_lost(runner=runner)
    logger.warning("runner %s is gone%s", runner.name, f", {ended} attempts ended" if ended else "")
