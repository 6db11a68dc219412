"""Every write of pools and runners. `pool_scale` (in `fleet`) is the one that starts and stops."""

import hashlib
import time
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from axons_service.compute.enrolment import runner_enrol, runner_of_token
from axons_service.compute.fleet import pool_scale, runner_stop
from axons_service.compute.models import Pool, Runner
from axons_service.compute.providers import provider_of
from axons_service.compute.providers.base import Handle, Provider, Status
from axons_service.compute.rounds import pool_scale_alone, pool_scale_for_work
from axons_service.compute.starts import ASKED_AT

__all__ = [
    "local_runners_stop",
    "pool_register",
    "pool_scale",
    "pool_scale_alone",
    "pool_scale_for_work",
    "runner_enrol",
    "runner_of_token",
    "runner_seen",
    "runner_stop",
]

SEEN_EVERY = timedelta(seconds=10)


def pool_register(
    *,
    name: str,
    title: str,
    provider: str,
    token: str,
    min_runners: int,
    max_runners: int,
    options: dict[str, Any],
    limits: dict[str, Any] | None = None,
) -> Pool:
    """Create a pool or bring the one of this name up to date.

    `limits` are further fields of the pool, such as `price_per_hour`; what is not named stays as it is, and so do
    options that are not named. An option that is None is forgotten. Raises ValidationError.
    """
    known = Pool.objects.filter(name=name).values_list("options", flat=True).first() or {}
    limits = limits or {}
    checked = Pool(name=name, **limits)
    checked.clean_fields(exclude=[field.name for field in Pool._meta.fields if field.name not in limits])
    values = {
        "title": title,
        "provider": provider,
        "token_sha256": hashlib.sha256(token.encode()).hexdigest(),
        "min_runners": min_runners,
        "max_runners": max_runners,
        "options": {key: value for key, value in {**known, **options}.items() if value is not None},
        "is_active": True,
        **limits,
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


def local_runners_stop(*, seconds: float) -> int:
    """Stop every local runner and wait up to `seconds` before killing. The number of runners stopped.

    Stop the worker first: with one running, pools start what they want warm again.
    """
    stopping: list[tuple[Provider, Handle]] = []
    for pool in Pool.objects.filter(provider=Pool.Provider.LOCAL):
        provider = provider_of(pool)
        runners = pool.runners.exclude(state=Runner.State.GONE)
        handles = {runner.name: runner.handle for runner in runners if ASKED_AT not in runner.handle}
        handles |= {machine.name: machine.handle for machine in provider.machines()}
        stopping += [(provider, handle) for handle in handles.values()]
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
