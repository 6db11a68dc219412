"""What compute cost: money of machines from their bills, by pool and day."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from django.db.models import Q, QuerySet

from axons_service.compute.budgets import utc_day
from axons_service.compute.models import MachineUse, Pool
from axons_service.compute.usage import billed_seconds


@dataclass(frozen=True)
class Period:
    """Whole UTC days from `first` to `last`, both included."""

    first: date
    last: date

    @property
    def since(self) -> datetime:
        return datetime.combine(self.first, time(), UTC)

    @property
    def until(self) -> datetime:
        return datetime.combine(self.last + timedelta(days=1), time(), UTC)


def today(now: datetime) -> Period:
    """The UTC day of a moment."""
    day = utc_day(now)
    return Period(day, day)


def uses_in(period: Period) -> QuerySet[MachineUse]:
    """Bills of machines that ran in a period, and those that are still open."""
    ended = Q(billed_until__isnull=True) | Q(billed_until__gt=period.since)
    return MachineUse.objects.filter(ended, billed_from__isnull=False, billed_from__lt=period.until)


def paid_in(use: MachineUse, *, unit: int, period: Period, now: datetime) -> Decimal:
    """What a machine cost in a period, its begun units whole; the last unit belongs to where it reaches."""
    return use.price_per_hour * Decimal(seconds_in(use, unit=unit, period=period, now=now)) / 3600


def seconds_in(use: MachineUse, *, unit: int, period: Period, now: datetime) -> float:
    """Seconds of a machine in a period that are paid for, its begun units whole."""
    if use.billed_from is None:
        return 0.0
    paid_until = use.billed_from + timedelta(seconds=billed_seconds(use, unit=unit, now=now))
    return max(0.0, (min(paid_until, period.until) - max(use.billed_from, period.since)).total_seconds())


def pool_spent(pool: Pool, now: datetime) -> float:
    """Money that a pool's machines cost today (UTC) so far, in its currency."""
    day = today(now)
    unit = pool.billing_unit_seconds
    return float(sum(paid_in(use, unit=unit, period=day, now=now) for use in uses_in(day).filter(pool=pool)))
