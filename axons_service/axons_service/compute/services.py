"""Every write of pools and runners. `pool_scale` is the one that starts and stops."""

import hashlib
import logging
import re
import time
import uuid
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from axons_service.compute.models import Pool, Runner
from axons_service.compute.providers import provider_of
from axons_service.compute.providers.base import Handle, Provider, Status
from axons_service.compute.scaling import runners_to_start, runners_to_stop
from axons_service.compute.selectors import pool_load

SEEN_EVERY = timedelta(seconds=10)
STALLED_AFTER = timedelta(seconds=180)  # a runner with a free slot claims every 20 s
STOP_GRACE = timedelta(seconds=30)
CRASH_WINDOW = timedelta(seconds=60)
CRASHES = 3  # so many runners that died in the window without ever claiming: wait for it to pass

logger = logging.getLogger(__name__)


def pool_register(
    *,
    name: str,
    title: str,
    provider: str,
    token: str,
    min_runners: int,
    max_runners: int,
    options: dict[str, Any],
) -> Pool:
    """Create a pool or bring the one of this name up to date."""
    values = {
        "title": title,
        "provider": provider,
        "token_sha256": hashlib.sha256(token.encode()).hexdigest(),
        "min_runners": min_runners,
        "max_runners": max_runners,
        "options": options,
        "is_active": True,
    }
    pool, _ = Pool.objects.update_or_create(name=name, defaults=values)
    return pool


def runner_seen(*, pool: Pool, name: str, version: str, device: str) -> Runner:
    """The row of a runner that claims; made when a person started it, and revived when it was taken for gone."""
    now = timezone.now()
    runner = Runner.objects.select_related("pool").filter(pool=pool, name=name).first()
    if runner is None:
        try:
            with transaction.atomic():
                return Runner.objects.create(
                    pool=pool, name=name, version=version, device=device, state=Runner.State.ACTIVE, last_seen_at=now
                )  # started by a person: nobody measured how long that took
        except IntegrityError:
            runner = Runner.objects.select_related("pool").get(pool=pool, name=name)
    is_current = runner.state in (Runner.State.ACTIVE, Runner.State.STOPPING)
    if not is_current or runner.last_seen_at is None or now - runner.last_seen_at > SEEN_EVERY:
        state = runner.state if runner.state == Runner.State.STOPPING else Runner.State.ACTIVE
        values = {"state": state, "version": version, "device": device, "last_seen_at": now}
        if runner.state == Runner.State.STARTING and runner.ready_at is None:
            values["ready_at"] = now
        Runner.objects.filter(pk=runner.pk).update(**values)
    return runner


def pool_scale_for_work(*, pool_id: int) -> None:
    """Scale a pool that just got work, unless its runners are enough: then nothing is locked and nobody polled."""
    pool = Pool.objects.get(pk=pool_id)
    if provider_of(pool).starts_runners and runners_to_start(pool, pool_load(pool)):
        pool_scale(pool_id=pool_id)


def pool_scale(*, pool_id: int) -> None:
    """Bring a pool's runners to what its work needs: see who died, stop who is not needed, start who is missing.

    Runs under the pool's row lock. Rows of new runners are committed before their machines are started, so that no
    machine is ever unknown; a start that was interrupted is repeated, which is safe because `start` is idempotent.
    """
    with transaction.atomic():
        pool = Pool.objects.select_for_update().get(pk=pool_id)
        provider = provider_of(pool)
        gone = _gone(pool, provider)
        Runner.objects.filter(pk__in=[runner.pk for runner in gone]).update(state=Runner.State.GONE)
    for runner in gone:
        _work_give_back(runner)
    with transaction.atomic():
        pool = Pool.objects.select_for_update().get(pk=pool_id)
        if not provider.starts_runners:
            return
        load = pool_load(pool)
        for runner in runners_to_stop(pool, load, timezone.now()):
            _stop(provider, runner)
        missing = runners_to_start(pool, load)
        if missing and _is_crashing(pool):
            logger.error("pool %s: its runners die before their first claim; see their logs", pool.name)
            missing = 0
        Runner.objects.bulk_create(
            Runner(pool=pool, name=f"{pool.name}-{uuid.uuid4().hex[:8]}") for _ in range(missing)
        )
    with transaction.atomic():
        Pool.objects.select_for_update().get(pk=pool_id)
        _started(pool, provider)


def _gone(pool: Pool, provider: Provider) -> list[Runner]:
    """Runners that the provider says are dead, or that fell silent where nobody can be asked. Orphans are stopped."""
    now = timezone.now()
    known = list(pool.runners.exclude(state=Runner.State.GONE))
    names = {runner.name for runner in known}
    for name, handle in provider.runners().items():
        if name not in names and re.fullmatch(rf"{re.escape(pool.name)}-[0-9a-f]{{8}}", name):  # a name that we gave
            logger.warning("pool %s: runner %s is unknown here, stopping it", pool.name, name)
            provider.stop(handle)
    busy = pool_load(pool).busy
    gone: list[Runner] = []
    for runner in known:
        is_silent = runner.pk not in busy and now - (runner.last_seen_at or runner.created_at) > STALLED_AFTER
        if provider.starts_runners and not runner.handle:
            if runner.state != Runner.State.STARTING:
                gone += [runner] if is_silent else []
            continue  # committed, not started yet: `_started` does it
        match provider.poll(runner.handle):
            case Status.GONE:
                gone.append(runner)
            case Status.UNKNOWN if is_silent:
                gone.append(runner)
            case Status.ALIVE if runner.state == Runner.State.STOPPING:
                overdue = runner.stopping_at is not None and now - runner.stopping_at > STOP_GRACE
                provider.stop(runner.handle, force=overdue)
            case Status.ALIVE if is_silent:
                logger.warning("runner %s lives but does not claim: replacing it", runner.name)
                _stop(provider, runner)
    return gone


def _stop(provider: Provider, runner: Runner) -> None:
    provider.stop(runner.handle)
    Runner.objects.filter(pk=runner.pk).update(state=Runner.State.STOPPING, stopping_at=timezone.now())


def _started(pool: Pool, provider: Provider) -> None:
    for runner in pool.runners.filter(state=Runner.State.STARTING, handle={}):
        try:
            handle = provider.start(runner.name)
        except Exception:
            logger.exception("runner %s could not be started", runner.name)
            Runner.objects.filter(pk=runner.pk).update(state=Runner.State.GONE)
        else:
            Runner.objects.filter(pk=runner.pk).update(handle=handle)


def _is_crashing(pool: Pool) -> bool:
    since = timezone.now() - CRASH_WINDOW
    died = pool.runners.filter(state=Runner.State.GONE, created_at__gt=since, last_seen_at__isnull=True)
    return died.count() >= CRASHES


def _work_give_back(runner: Runner) -> None:
    from axons_service.jobs.services import runner_lost

    ended = runner_lost(runner=runner)
    logger.warning("runner %s is gone%s", runner.name, f", {ended} attempts ended" if ended else "")


def local_runners_stop(*, seconds: float) -> int:
    """Stop every local runner and wait up to `seconds` before killing. The number of runners stopped.

    Stop the worker first: with one running, pools start what they want warm again.
    """
    stopping: list[tuple[Provider, Handle]] = []
    for pool in Pool.objects.filter(provider=Pool.Provider.LOCAL):
        provider = provider_of(pool)
        handles = {runner.name: runner.handle for runner in pool.runners.exclude(state=Runner.State.GONE)}
        stopping += [(provider, handle) for handle in (handles | provider.runners()).values()]
    for provider, handle in stopping:
        provider.stop(handle)
    deadline = time.monotonic() + seconds
    while any(provider.poll(handle) is Status.ALIVE for provider, handle in stopping):
        if time.monotonic() > deadline:
            for provider, handle in stopping:
                provider.stop(handle, force=True)
            deadline += 5
        time.sleep(0.1)
    local = Runner.objects.filter(pool__provider=Pool.Provider.LOCAL).exclude(state=Runner.State.GONE)
    local.update(state=Runner.State.GONE)
    return len(stopping)
