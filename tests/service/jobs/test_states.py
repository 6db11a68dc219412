"""The state machine: the table's own properties, and random histories against the database."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axons_service.jobs.models import Job
from axons_service.jobs.states import HELD, LIVE, TABLE, TERMINAL, WAITING, Move, State, after


def is_allowed(state: State, move: Move) -> bool:
    return state in TABLE[move].sources


moves = st.sampled_from(list(Move))
states = st.sampled_from(list(State))


def test_the_table_knows_the_states_of_the_model() -> None:
    assert {str(state) for state in State} == set(Job.State.values)
    assert set(State) == WAITING | HELD | TERMINAL
    assert set(TABLE) == set(Move)


@given(state=st.sampled_from(sorted(TERMINAL)), move=moves)
def test_a_terminal_state_is_never_left(state: State, move: Move) -> None:
    assert not is_allowed(state, move)
    with pytest.raises(ValueError, match="cannot"):
        after(state, move)


@given(history=st.lists(moves, max_size=40))
def test_a_job_goes_back_only_by_a_retry(history: list[Move]) -> None:
    order = list(State)
    state = State.QUEUED
    for move in history:
        if not is_allowed(state, move):
            continue
        following = after(state, move)
        if move is Move.RETRY:
            assert state in HELD
            assert following is State.QUEUED
        else:
            assert order.index(following) > order.index(state)
        state = following


@given(state=st.sampled_from(sorted(LIVE)))
def test_every_live_state_can_fail_and_be_cancelled(state: State) -> None:
    assert after(state, Move.FAIL) is State.FAILED
    assert after(state, Move.CANCEL) is State.CANCELLED


@given(state=states)
def test_a_job_succeeds_only_from_finishing(state: State) -> None:
    assert is_allowed(state, Move.SUCCEED) == (state is State.FINISHING)


@given(state=states)
def test_only_a_dispatched_job_can_be_claimed(state: State) -> None:
    assert is_allowed(state, Move.CLAIM) == (state is State.DISPATCHED)
