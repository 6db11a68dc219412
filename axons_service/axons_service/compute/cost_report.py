"""GPU time and money by job, learner, course, pool and day.

What work cost is its time on the machine at the price of that machine, whatever became of the attempt; an inference
runs beside a training and costs nothing of its own. What machines cost beyond that (starting, waiting, the begun
billing unit) has a line without an owner, so that the lines of a currency add up to the bill.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.db.models import Q
from django.utils import timezone

from axons_service.compute.costs import Period, paid_in, uses_in
from axons_service.compute.models import Pool
from axons_service.jobs.models import Attempt, Job
from axons_service.sites.models import Site

GROUPS = ("job", "learner", "course", "pool", "day")
COLUMNS = ("site", "course", "learner", "job", "pool", "day", "currency", "gpu_minutes", "cost")
CENT = Decimal("0.0001")


@dataclass(frozen=True)
class Owner:
    """Whose line it is; what a report does not group by is empty. Without a site: machines without work."""

    currency: str
    site: str = ""
    course: str = ""
    learner: str = ""
    job: str = ""
    pool: str = ""
    day: date | None = None


@dataclass(frozen=True)
class CostLine:
    """Time on machines in minutes, and money in the owner's currency."""

    owner: Owner
    minutes: float
    cost: Decimal

    def row(self) -> list[str]:
        """The line as values of COLUMNS."""
        owner = self.owner
        day = owner.day.isoformat() if owner.day is not None else ""
        names = [owner.site, owner.course, owner.learner, owner.job, owner.pool, day, owner.currency]
        return [*names, f"{self.minutes:.2f}", str(self.cost)]


def cost_lines(*, by: str, period: Period, site: Site | None = None, course: str | None = None) -> list[CostLine]:
    """One line for each job, learner, course, pool or day that used machines in the period, the dearest first.

    Limited to a site or a course, there is no line for machines without work: they are nobody's.
    """
    if by not in GROUPS:
        raise ValueError(f"A report is by one of {', '.join(GROUPS)}, not by {by}.")
    now = timezone.now()
    minutes: dict[Owner, float] = defaultdict(float)
    money: dict[Owner, Decimal] = defaultdict(Decimal)
    for owner, since, until, price in _work(by, period, now, site, course):
        for each, seconds in _days(owner, since, until) if by == "day" else [(owner, (until - since).total_seconds())]:
            minutes[each] += seconds / 60
            money[each] += price * Decimal(seconds) / 3600
    if site is None and course is None:
        for owner, paid in _bill(by, period, now).items():
            worked = sum(value for each, value in money.items() if _is_part(each, owner))
            idle = paid - worked
            if idle >= CENT:
                money[owner] += idle
                minutes[owner] += 0.0
    lines = [CostLine(owner, minutes[owner], cost.quantize(CENT)) for owner, cost in money.items()]
    return sorted(lines, key=lambda line: (line.owner.day or date.min, -line.cost, line.row()))


def _work(
    by: str, period: Period, now: datetime, site: Site | None, course: str | None
) -> Iterator[tuple[Owner, datetime, datetime, Decimal]]:
    """Every attempt of a training slot in the period: whose it is, from when to when, at which price an hour."""
    running = Q(ended_at__isnull=True) | Q(ended_at__gt=period.since)
    attempts = Attempt.objects.filter(running, started_at__lt=period.until).exclude(job__kind=Job.Kind.INFERENCE)
    if site is not None:
        attempts = attempts.filter(job__project__exercise__site=site)
    if course is not None:
        attempts = attempts.filter(job__project__exercise__course_key=course)
    pools = Pool.objects.in_bulk()
    billed = {(use.pool_id, use.runner_name): use for use in uses_in(period)}
    rows = attempts.order_by("pk").values_list(
        "job__project__exercise__site__slug",
        "job__project__exercise__course_key",
        "job__project__learner",
        "job",
        "runner__pool",
        "job__pool",
        "runner__name",
        "started_at",
        "ended_at",
    )
    for slug, course_key, learner, job, ran_in, job_pool, runner, started_at, ended_at in rows.iterator(2000):
        pool = pools[ran_in or job_pool]
        use = billed.get((pool.pk, runner))
        owner = Owner(
            currency=use.currency if use is not None else pool.currency,
            site=slug,
            course=course_key if by in ("job", "learner", "course") else "",
            learner=learner if by in ("job", "learner") else "",
            job=str(job) if by == "job" else "",
            pool=pool.name if by == "pool" else "",
        )
        price = use.price_per_hour if use is not None else pool.price_per_hour
        since, until = max(started_at, period.since), min(ended_at or now, period.until)
        if until > since:
            yield owner, since, until, price


def _days(owner: Owner, since: datetime, until: datetime) -> Iterator[tuple[Owner, float]]:
    """The time cut at midnights (UTC)."""
    while since < until:
        day = since.date()
        end = min(until, Period(day, day).until)
        yield Owner(owner.currency, owner.site, day=day), (end - since).total_seconds()
        since = end


def _bill(by: str, period: Period, now: datetime) -> dict[Owner, Decimal]:
    """What the machines cost, by currency, and by pool or day where the report is."""
    paid: dict[Owner, Decimal] = defaultdict(Decimal)
    days = [period.first + timedelta(days=number) for number in range((period.last - period.first).days + 1)]
    parts = [(day, Period(day, day)) for day in days] if by == "day" else [(None, period)]
    for use in uses_in(period).select_related("pool"):
        for day, part in parts:
            cost = paid_in(use, unit=use.pool.billing_unit_seconds, period=part, now=now)
            paid[Owner(use.currency, pool=use.pool.name if by == "pool" else "", day=day)] += cost
    return paid


def _is_part(worked: Owner, bill: Owner) -> bool:
    return (worked.currency, worked.pool, worked.day) == (bill.currency, bill.pool, bill.day)
