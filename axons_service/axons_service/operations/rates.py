"""Rate limits: token buckets in the database, so that every process sees the same ones.

A bucket is one row with one number (GCRA), moved by one conditional upsert: no lock is held, no two requests take the
same token. A busy bucket is asked for several tokens at once, which this process then hands out; what a process leaves
unused is lost to nobody but the caller, so a limit is never exceeded.
"""

import math
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock

from django.conf import settings
from django.db import connection

from axons_service.operations.models import RateBucket
from axons_service.operations.problems import Problem

LEASED_SHARE = 50  # at most 1/50 of a bucket is handed out to one process at once
LEASED_SECONDS = 1.0
REMEMBERED = 10_000
TAKE = """
INSERT INTO {table} AS bucket ("key", full_at) VALUES (%s, %s)
ON CONFLICT ("key") DO UPDATE SET full_at =
    CASE WHEN bucket.full_at > %s THEN bucket.full_at ELSE %s END + %s
    WHERE CASE WHEN bucket.full_at > %s THEN bucket.full_at ELSE %s END <= %s
RETURNING full_at
"""

clock = time.time


@dataclass(frozen=True)
class Limit:
    """At most `count` requests at once, refilled evenly over `seconds`."""

    name: str
    count: int
    seconds: float

    @property
    def interval(self) -> float:
        """Seconds until one token is refilled."""
        return self.seconds / self.count

    @property
    def policy(self) -> str:
        """The value of the RateLimit-Policy header."""
        return f'"{self.name}";q={self.count};w={math.ceil(self.seconds)}'


@dataclass
class _Lease:
    tokens: int
    until: float


@dataclass
class _Leases:
    """Tokens that this process took and has not handed out yet, by bucket."""

    held: OrderedDict[str, _Lease] = field(default_factory=OrderedDict)
    lock: Lock = field(default_factory=Lock)

    def take(self, key: str, now: float) -> bool:
        with self.lock:
            lease = self.held.get(key)
            if lease is None or lease.tokens < 1 or not lease.until - LEASED_SECONDS <= now < lease.until:
                self.held.pop(key, None)
                return False
            lease.tokens -= 1
            return True

    def put(self, key: str, tokens: int, now: float) -> None:
        if tokens < 1:
            return
        with self.lock:
            self.held[key] = _Lease(tokens, now + LEASED_SECONDS)
            while len(self.held) > REMEMBERED:
                self.held.popitem(last=False)


leases = _Leases()


def limit_of(name: str) -> Limit | None:
    """The limit of this name in `settings.AXONS_RATE_LIMITS` ("120/60": 120 in 60 s); None when it is off."""
    text = settings.AXONS_RATE_LIMITS[name]
    if text == "off":
        return None
    count, _, seconds = text.partition("/")
    return Limit(name.replace("_", "-"), int(count), float(seconds))


def rate_check(*, name: str, owner: str) -> None:
    """Take a token of the owner's bucket. Raises Problem 429 with Retry-After when there is none.

    Nothing was done by then: no job, no submission, no try.
    """
    limit = limit_of(name)
    if limit is None:
        return
    now, key = clock(), f"{name}:{owner}"
    if leases.take(key, now):
        return
    several = max(1, limit.count // LEASED_SHARE)
    if _take(key, limit, now, several):
        leases.put(key, several - 1, now)
        return
    if several > 1 and _take(key, limit, now, 1):
        return
    raise _too_many(key, limit, now)


def rate_buckets_sweep() -> int:
    """Forget buckets that are full again; how many."""
    deleted, _ = RateBucket.objects.filter(full_at__lt=clock() - 60).delete()
    return deleted


def _take(key: str, limit: Limit, now: float, tokens: int) -> bool:
    cost = tokens * limit.interval
    allowed = now + limit.seconds - cost + limit.interval / 100  # sums of floats are a little off
    with connection.cursor() as cursor:
        cursor.execute(
            TAKE.format(table=RateBucket._meta.db_table), [key, now + cost, now, now, cost, now, now, allowed]
        )
        return cursor.fetchone() is not None


def _too_many(key: str, limit: Limit, now: float) -> Problem:
    full_at = RateBucket.objects.filter(pk=key).values_list("full_at", flat=True).first() or now
    wait = max(1, math.ceil(full_at - now - limit.seconds + limit.interval))
    sentence = (
        f"Too many requests: {limit.count} in {limit.seconds:g} seconds are allowed here. "
        f"Wait {wait} seconds and send it again. Nothing was done, and no try is lost."
    )
    headers = {
        "Retry-After": str(wait),
        "RateLimit-Policy": limit.policy,
        "RateLimit": f'"{limit.name}";r=0;t={wait}',
    }
    return Problem(429, "rate_limited", sentence, headers=headers)
