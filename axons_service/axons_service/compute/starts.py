"""Machines for the rows that have none: one call at a time asks for each, and finds it again after a lost answer."""

import logging
from datetime import UTC, datetime, timedelta

from django.utils import timezone

from axons_service.compute.faults import provider_fault_count, provider_trouble_keep
from axons_service.compute.models import Pool, Runner
from axons_service.compute.providers.base import Machine, NoCapacity, Provider, ProviderError, Rejected, Status
from axons_service.compute.usage import machine_use_open

ASKED_AT = "asked_at"  # in place of a handle while its machine is asked for
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC).isoformat()  # whoever asked had no answer: ask again
START_PATIENCE = timedelta(minutes=2)  # after that whoever asked is taken for dead

logger = logging.getLogger(__name__)


def machines_start(*, pool: Pool, provider: Provider) -> None:
    """Start the machines of rows that have none, until the provider refuses one: it is asked for no other then."""
    going = pool.runners.filter(state__in=[Runner.State.STARTING, Runner.State.ACTIVE]).order_by("pk")
    is_refused = False
    for runner in filter(is_asked_for, going):
        if is_refused or Pool.objects.get(pk=pool.pk).is_blocked(timezone.now()):
            break
        is_refused = _mark(runner) and not _start(pool, provider, runner)
    if Pool.objects.get(pk=pool.pk).is_blocked(timezone.now()):
        # rows that nobody asked for are no machines on their way; of the others one may be there
        pool.runners.filter(state=Runner.State.STARTING, handle={}).update(state=Runner.State.GONE)


def _start(pool: Pool, provider: Provider, runner: Runner) -> bool:
    """Ask for the machine of a marked row. False when the provider did not give it."""
    row = Runner.objects.filter(pk=runner.pk)
    try:
        handle = provider.start(runner.name)
    except (NoCapacity, Rejected) as error:
        row.update(state=Runner.State.GONE, handle={})
        provider_trouble_keep(pool_id=pool.pk, error=error)
    except ProviderError as error:
        # perhaps it was started and the answer was lost: the row stays, and `start` finds the machine next time
        row.update(handle={ASKED_AT: LONG_AGO})
        provider_trouble_keep(pool_id=pool.pk, error=error)
    except Exception as error:
        logger.exception("runner %s could not be started", runner.name)
        provider_fault_count(pool_id=pool.pk, error=error)
        row.update(state=Runner.State.GONE, handle={})
    else:
        row.update(handle=handle)
        machine_use_open(pool=pool, machine=Machine(runner.name, handle, Status.STARTING))
        return True
    return False


def _mark(runner: Runner) -> bool:
    """Take the start of a runner for this call, by compare-and-swap on its handle."""
    asked_at = runner.handle.get(ASKED_AT)
    if asked_at is not None and timezone.now() - datetime.fromisoformat(asked_at) < START_PATIENCE:
        return False
    mark = {ASKED_AT: timezone.now().isoformat()}
    return Runner.objects.filter(pk=runner.pk, handle=runner.handle).update(handle=mark) == 1


def is_asked_for(runner: Runner) -> bool:
    """Whether its start is under way, or is to be made or repeated. It may claim before its handle is known."""
    is_marked = runner.state == Runner.State.ACTIVE and ASKED_AT in runner.handle
    return not has_machine(runner) and (runner.state == Runner.State.STARTING or is_marked)


def has_machine(runner: Runner) -> bool:
    """Whether the provider gave it a handle: a mark of who asks for one is none."""
    return bool(runner.handle) and ASKED_AT not in runner.handle
