"""How long a job may stay where it is, and what follows. One table for every live state; pure: no database.

Beside it stand the two clocks that run in every held state: the lease (is the runner alive?) and the stall watchdog
(does its work get on?). A runner that only sends heartbeats satisfies the first and not the second.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from axons_service.jobs.failures import FailureClass
from axons_service.jobs.states import State


class Since(StrEnum):
    """The clock that a deadline reads."""

    WAITING = "waiting"  # the job began to wait: made, or back from an attempt that ran
    STARTED = "started"  # its living attempt was claimed
    MADE = "made"  # the job was made


class Then(StrEnum):
    """What happens after a deadline."""

    DISPATCH = "dispatch"  # again: the message was lost
    EXCUSE = "excuse"  # where a limit or a budget holds it: its wait for a machine has not begun
    GIVE_UP = "give_up"  # where a limit or a budget still holds it
    FAIL = "fail"  # no machine came
    END = "end"  # the attempt, as a failure of the class that stands beside


@dataclass(frozen=True)
class Deadline:
    """`after` counts from `since`; with `beyond_limit` the job's own time limit comes on top."""

    since: Since
    after: timedelta
    then: Then
    failure_class: FailureClass | None = None
    beyond_limit: bool = False


CAPACITY = timedelta(hours=24)
NO_MACHINE = Deadline(Since.WAITING, CAPACITY, Then.FAIL, FailureClass.NO_CAPACITY)
# A budget of a month is renewed before the second of these is over.
HELD_BACK = (
    Deadline(Since.WAITING, timedelta(hours=1), Then.EXCUSE),
    Deadline(Since.MADE, timedelta(days=35), Then.GIVE_UP, FailureClass.HELD_BACK),
)

DEADLINES: dict[State, tuple[Deadline, ...]] = {
    State.QUEUED: (Deadline(Since.WAITING, timedelta(seconds=5), Then.DISPATCH), *HELD_BACK, NO_MACHINE),
    State.DISPATCHED: (*HELD_BACK, NO_MACHINE),
    State.PREPARING: (Deadline(Since.STARTED, timedelta(minutes=20), Then.END, FailureClass.INFRASTRUCTURE),),
    # the runner stops itself first
    State.RUNNING: (
        Deadline(Since.STARTED, timedelta(seconds=60), Then.END, FailureClass.TIME_LIMIT, beyond_limit=True),
    ),
    State.FINISHING: (
        Deadline(Since.STARTED, timedelta(minutes=10), Then.END, FailureClass.INFRASTRUCTURE, beyond_limit=True),
    ),
}

# A runner that hears of a cancel has stopped its compute within 5 s; one that is silent is not waited for.
CANCEL_GRACE = timedelta(seconds=10)


def held_deadline(state: State, time_limit_seconds: int) -> tuple[timedelta, FailureClass]:
    """How long an attempt may last while its job is in this held state, and what its end then counts as."""
    (deadline,) = DEADLINES[state]
    assert deadline.failure_class is not None, f"the deadline of {state} names no failure class"
    limit = timedelta(seconds=time_limit_seconds) if deadline.beyond_limit else timedelta()
    return limit + deadline.after, deadline.failure_class


def stall_limit(limits: Mapping[str, float], phase: str) -> timedelta:
    """How long the work of this phase may stand still. `limits` in seconds by phase; "" is for all others."""
    return timedelta(seconds=limits.get(phase, limits[""]))


def stall_limits(text: str) -> dict[str, float]:
    """The limits that a setting like `600,fetching=900` names. Raises ValueError for anything else."""
    limits: dict[str, float] = {}
    for item in filter(None, (part.strip() for part in text.split(","))):
        phase, separator, seconds = item.rpartition("=")
        if bool(separator) != bool(phase.strip()) or float(seconds) <= 0:
            raise ValueError(f"“{item}” is neither a number of seconds nor phase=seconds")
        limits[phase.strip()] = float(seconds)
    if "" not in limits:
        raise ValueError("a number of seconds for all other phases is missing, like 600")
    return limits
