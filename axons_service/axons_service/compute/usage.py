"""What machines were paid for: one row each, opened at the start, closed when the provider says that it ended."""

import hashlib
import json
import math
from datetime import datetime, timedelta
from decimal import Decimal

from django.utils import timezone

from axons_service.compute.models import MachineUse, Pool
from axons_service.compute.providers.base import Handle, Machine, Provider, ProviderError, Status


def machine_use_open(*, pool: Pool, machine: Machine) -> MachineUse:
    """The row of a machine, made when it is seen first."""
    use, _ = MachineUse.objects.get_or_create(
        pool=pool,
        handle_sha256=_key(machine.handle),
        defaults={
            "runner_name": machine.name,
            "handle": machine.handle,
            "price_per_hour": pool.price_per_hour,
            "currency": pool.currency,
            "billed_from": machine.billed_from,
        },
    )
    return use


def uses_update(*, pool: Pool, provider: Provider, machines: list[Machine]) -> None:
    """Take over what the provider says: living machines from `machines`, ended ones by asking for each once.

    With an ended one its namesakes are asked for: one of a start that arrived twice may have come and gone unseen.
    Raises ProviderError when the provider wants to be left alone.
    """
    open_uses = {use.handle_sha256: use for use in pool.uses.filter(is_closed=False)}
    for machine in machines:
        use = open_uses.pop(_key(machine.handle), None) or machine_use_open(pool=pool, machine=machine)
        if machine.billed_from is not None:  # the first word stands: a Job that was suspended and let go starts anew
            MachineUse.objects.filter(pk=use.pk, billed_from__isnull=True).update(billed_from=machine.billed_from)
    for use in open_uses.values():
        try:
            ended = provider.inspect(use.handle)
            namesakes = provider.namesakes(use.runner_name)
        except ProviderError as error:
            if error.retry_after:
                raise  # it wants to hear nothing for a while
            continue  # asked again next time
        if ended is not None and ended.status is not Status.GONE:
            continue  # it came after the list was made
        for machine in namesakes:
            other = machine_use_open(pool=pool, machine=machine)
            if machine.status is Status.GONE and other.pk != use.pk:
                _close(other, machine)
        _close(use, ended)


def machines_unknown(*, pool: Pool, machines: list[Machine], now: datetime) -> list[tuple[Machine, timedelta]]:
    """Remember since when these machines are of no runner, and that all others are; each with how long it is so."""
    by_key = {_key(machine.handle): machine for machine in machines}
    pool.uses.filter(unknown_since__isnull=False).exclude(handle_sha256__in=by_key).update(unknown_since=None)
    if not by_key:
        return []
    uses = pool.uses.filter(handle_sha256__in=by_key)
    uses.filter(unknown_since__isnull=True).update(unknown_since=now)
    return [(by_key[key], now - since) for key, since in uses.values_list("handle_sha256", "unknown_since") if since]


def _close(use: MachineUse, machine: Machine | None) -> None:
    """Close a bill; where the provider forgot the machine, with the time at which we noticed."""
    since = use.billed_from or (machine.billed_from if machine is not None else None)
    until = machine.billed_until if machine is not None and machine.billed_until else None
    MachineUse.objects.filter(pk=use.pk, is_closed=False).update(
        billed_from=since, billed_until=(until or timezone.now()) if since else None, is_closed=True
    )


def billed_seconds(use: MachineUse, *, unit: int, now: datetime) -> int:
    """Seconds that are paid for: from start to end, what is begun of `unit` counted whole. 0 before it ran."""
    if use.billed_from is None:
        return 0
    seconds = max(0.0, ((use.billed_until or now) - use.billed_from).total_seconds())
    return math.ceil(seconds / unit) * unit


def cost(use: MachineUse, *, unit: int, now: datetime) -> Decimal:
    """What a machine cost so far, in its currency."""
    return (use.price_per_hour * billed_seconds(use, unit=unit, now=now) / 3600).quantize(Decimal("0.0001"))


def _key(handle: Handle) -> str:
    return hashlib.sha256(json.dumps(handle, sort_keys=True).encode()).hexdigest()
