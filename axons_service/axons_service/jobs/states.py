"""The state machine of a job, as one table. Pure: no database, no clock.

A job moves forward only; the single way back is RETRY, which ends one attempt and waits for the next. What happens
to the rows of a move is in `services.moves`; that a row moves once is its compare-and-swap.
"""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Where a job is. The values are those of `Job.State`."""

    QUEUED = "queued"
    DISPATCHED = "dispatched"
    PREPARING = "preparing"
    RUNNING = "running"
    FINISHING = "finishing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Move(StrEnum):
    """Something that changes a job's state."""

    DISPATCH = "dispatch"
    CLAIM = "claim"
    START = "start"
    FINISH = "finish"
    SUCCEED = "succeed"
    FAIL = "fail"
    CANCEL = "cancel"
    RETRY = "retry"


@dataclass(frozen=True)
class Rule:
    """From which states a move is allowed, and where it leads."""

    sources: frozenset[State]
    target: State


WAITING = frozenset({State.QUEUED, State.DISPATCHED})
HELD = frozenset({State.PREPARING, State.RUNNING, State.FINISHING})  # a runner holds a lease
TERMINAL = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED})
LIVE = WAITING | HELD

TABLE: dict[Move, Rule] = {
    Move.DISPATCH: Rule(frozenset({State.QUEUED}), State.DISPATCHED),
    Move.CLAIM: Rule(frozenset({State.DISPATCHED}), State.PREPARING),
    Move.START: Rule(frozenset({State.PREPARING}), State.RUNNING),
    Move.FINISH: Rule(frozenset({State.PREPARING, State.RUNNING}), State.FINISHING),
    Move.SUCCEED: Rule(frozenset({State.FINISHING}), State.SUCCEEDED),
    Move.FAIL: Rule(LIVE, State.FAILED),
    Move.CANCEL: Rule(LIVE, State.CANCELLED),
    Move.RETRY: Rule(HELD, State.QUEUED),
}


def after(state: State, move: Move) -> State:
    """The state that a move leads to. Raises ValueError when the table does not have it."""
    rule = TABLE[move]
    if state not in rule.sources:
        allowed = ", ".join(sorted(rule.sources))
        raise ValueError(f"A job that is {state} cannot {move}; only one that is {allowed} can.")
    return rule.target
