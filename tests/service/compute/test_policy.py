"""The scaling policy: properties that hold for every pool and every queue, and the sentences that operators read."""

from dataclasses import replace
from datetime import UTC, datetime, time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axons_service.compute.policy import (
    UNIT_END,
    Decision,
    Demand,
    Facts,
    Machine,
    Measures,
    Place,
    Rules,
    Window,
    claimable,
    decide,
    next_pool,
)
from axons_service.compute.windows import windows_parse

NOON = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)  # a Friday
seconds = st.floats(0, 100_000)


@st.composite
def machines(draw: Any) -> tuple[Machine, ...]:
    found = []
    for number in range(draw(st.integers(0, 12))):
        is_starting = draw(st.booleans())
        is_busy = not is_starting and draw(st.booleans())
        age = draw(seconds)
        found.append(
            Machine(
                id=number,
                is_starting=is_starting,
                age=age,
                idle=None if is_busy else draw(st.floats(0, age)),
                trains=is_busy and draw(st.booleans()),
                billed=draw(st.none() | st.floats(0, age)),
            )
        )
    return tuple(found)


@st.composite
def rule_sets(draw: Any) -> Rules:
    least = draw(st.integers(0, 4))
    window = Window(frozenset({5}), time(11), time(13), draw(st.integers(1, 9)))
    return Rules(
        least=least,
        most=least + draw(st.integers(0, 8)),
        is_active=draw(st.booleans()),
        windows=draw(st.sampled_from([(), (window,)])),
        spare=draw(st.integers(0, 3)),
        target_wait=draw(st.floats(0, 600)),
        idle=draw(st.floats(0, 3600)),
        cool_down=draw(st.floats(0, 600)),
        billing_unit=draw(st.sampled_from([1.0, 60.0, 3600.0])),
        budget=draw(st.none() | st.floats(0, 100)),
    )


@st.composite
def situations(draw: Any) -> Facts:
    waiting = draw(st.integers(0, 40))
    return Facts(
        now=NOON,
        rules=draw(rule_sets()),
        measures=Measures(
            run=draw(st.none() | st.floats(0.1, 4000)),
            start=draw(st.none() | st.floats(0, 1000)),
            rate=draw(st.floats(0, 3)),
            spent=draw(st.floats(0, 150)),
        ),
        waiting=waiting,
        pictures=draw(st.integers(0, 3)),
        exempt=draw(st.integers(0, waiting)),
        machines=draw(machines()),
        is_blocked=draw(st.booleans()),
    )


@given(facts=situations())
def test_whatever_happens_the_limits_hold(facts: Facts) -> None:
    decision = decide(facts)
    there = {machine.id: machine for machine in facts.machines}
    assert not (decision.start and decision.stop), "a pool never starts and stops at once"
    assert decision.start >= 0
    if decision.start:
        assert len(there) + decision.start <= facts.rules.most
        assert not facts.is_blocked
        assert facts.rules.is_active
    assert len(set(decision.stop)) == len(decision.stop)
    for pk in decision.stop:
        assert there[pk].idle is not None, "a machine with work is never stopped"
        assert not there[pk].is_starting
    assert decision.reason.endswith(".")


def is_within_budget(facts: Facts) -> bool:
    return facts.rules.budget is None or facts.measures.spent < facts.rules.budget


@given(facts=situations())
def test_the_minimum_stays_and_work_is_never_left_without_a_machine(facts: Facts) -> None:
    if not facts.rules.is_active or not is_within_budget(facts):
        return
    decision = decide(facts)
    after = len(facts.machines) + decision.start - len(decision.stop)
    assert after >= min(facts.rules.least, len(facts.machines) + decision.start)
    if (facts.waiting or facts.pictures) and facts.rules.most and not facts.is_blocked:
        assert after >= 1
    if facts.waiting:
        assert decision.stop == ()


@given(facts=situations())
def test_a_budget_that_is_used_up_begins_nothing_and_grades_go_on(facts: Facts) -> None:
    facts = replace(facts, rules=replace(facts.rules, budget=10.0, is_active=True), measures=Measures(spent=10.0))
    decision = decide(facts)
    if facts.exempt or facts.pictures:
        assert decision.start <= 1
        assert len(facts.machines) + decision.start >= min(1, facts.rules.most) or facts.is_blocked
    else:
        assert decision.start == 0
    assert "used up" in decision.reason


@given(facts=situations(), more=st.integers(1, 20))
def test_more_work_never_means_fewer_machines(facts: Facts, more: int) -> None:
    if facts.rules.budget is not None or not facts.waiting:
        return
    assert decide(replace(facts, waiting=facts.waiting + more)).desired >= decide(facts).desired


@given(facts=situations())
def test_doing_what_was_decided_leaves_nothing_to_start(facts: Facts) -> None:
    """No flapping: with the machines that it asked for, the same question asks for no more."""
    decision = decide(facts)
    new = tuple(Machine(id=100 + number, is_starting=True, idle=0.0) for number in range(decision.start))
    again = decide(replace(facts, machines=facts.machines + new))
    assert again.start == 0 or not decision.start
    if decision.start:
        assert again.stop == ()


@given(facts=situations())
def test_what_is_paid_already_is_used(facts: Facts) -> None:
    """Rented by the hour: an idle machine goes in the last two minutes of an hour that is paid, not before."""
    facts = replace(facts, rules=replace(facts.rules, billing_unit=3600.0, budget=None))
    for pk in decide(facts).stop:
        billed = next(machine.billed for machine in facts.machines if machine.id == pk)
        assert billed is None or 3600 - billed % 3600 <= UNIT_END


@given(facts=situations())
def test_after_a_start_nothing_is_stopped_for_the_cool_down(facts: Facts) -> None:
    facts = replace(facts, rules=replace(facts.rules, budget=None))
    if decide(facts).stop:
        assert min(machine.age for machine in facts.machines) >= facts.rules.cool_down


demands = st.builds(
    Demand,
    site=st.integers(1, 3),
    waiting=st.integers(0, 30),
    course_running=st.integers(0, 5),
    course_most=st.none() | st.integers(1, 10),
    site_running=st.just(4),
    site_most=st.just(9),
)


@given(st.lists(demands, max_size=8))
def test_caps_of_courses_and_sites_hold(asked: list[Demand]) -> None:
    allowed = claimable(asked)
    assert 0 <= allowed <= sum(demand.waiting for demand in asked)
    assert allowed <= 5 * len({demand.site for demand in asked})
    for demand in asked:
        alone = claimable([demand])
        if demand.course_most is not None:
            assert alone + demand.course_running <= max(demand.course_most, demand.course_running)


def busy(count: int) -> tuple[Machine, ...]:
    return tuple(Machine(id=number, age=1000.0, trains=True) for number in range(count))


def idle(*ids: int, since: float = 10_000.0, billed: float | None = None) -> tuple[Machine, ...]:
    return tuple(Machine(id=pk, age=20_000.0, idle=since, billed=billed) for pk in ids)


def ask(**changes: Any) -> Decision:
    pool = {name: changes.pop(name) for name in list(changes) if name in Rules.__dataclass_fields__}
    measured = {name: changes.pop(name) for name in list(changes) if name in Measures.__dataclass_fields__}
    rules = Rules(**{"most": 10, "target_wait": 60.0, **pool})
    return decide(Facts(now=NOON, rules=rules, measures=Measures(**measured), **changes))


def test_every_waiting_job_gets_a_machine_while_nothing_was_measured() -> None:
    assert ask(waiting=3).start == 3
    assert ask(waiting=3, machines=idle(1)).start == 2
    assert ask(waiting=30).start == 10


def test_what_machines_will_begin_in_time_needs_no_new_ones() -> None:
    """Ten machines with runs of 60 s come free ten times within the 60 s of the target."""
    assert ask(waiting=10, machines=busy(10), run=60.0, start=30.0, most=50).start == 0
    assert ask(waiting=15, machines=busy(10), run=60.0, start=30.0, most=50).start == 5
    assert ask(waiting=15, machines=busy(10), run=600.0, start=30.0, most=50).start == 14


def test_a_machine_that_starts_slowly_is_not_ordered_for_what_is_done_before_it_comes() -> None:
    assert ask(waiting=6, machines=busy(1), run=50.0, start=300.0).start == 0
    assert ask(waiting=6, machines=busy(1), run=50.0, start=10.0).start > 0


def test_what_will_have_come_when_a_machine_is_ready_counts() -> None:
    slow = {"machines": busy(10), "run": 100.0, "start": 100.0, "target_wait": 10.0, "most": 50}
    assert ask(waiting=6, **slow).start == 0
    assert ask(waiting=6, rate=0.06, **slow).start == 2
    assert ask(waiting=6, rate=2.0, **slow).start == 5


def test_short_runs_share_a_new_machine() -> None:
    assert ask(waiting=8, run=10.0, start=20.0, target_wait=60.0).start == 2


def test_the_reasons_are_sentences_with_figures() -> None:
    text = ask(waiting=5, machines=busy(2), run=600.0, start=90.0, most=4).reason
    assert text == "5 jobs wait; 2 machines cannot begin them within 60 s. The pool may have 4."
    assert "warm window asks for 3" in ask(windows=(Window(frozenset({5}), time(11), time(13), 3),)).reason
    assert "85 % of the day's budget is used" in ask(budget=100.0, spent=85.0).reason
    blocked = ask(waiting=1, is_blocked=True)
    assert blocked.start == 0
    assert blocked.reason.endswith("The provider had no machine; it is asked again later.")


def test_idle_machines_go_longest_idle_first_and_not_before_their_time() -> None:
    both = idle(1, since=2000.0) + idle(2, since=1000.0)
    assert ask(machines=both).stop == (1, 2)
    assert ask(machines=both, least=1).stop == (1,)
    assert ask(machines=idle(1, since=899.0)).stop == ()
    assert ask(machines=both + busy(1), spare=1).stop == (1,)


def test_an_hour_that_is_paid_is_used_up() -> None:
    assert ask(machines=idle(1, billed=1800.0), billing_unit=3600.0).stop == ()
    assert ask(machines=idle(1, billed=3500.0), billing_unit=3600.0).stop == (1,)
    assert ask(machines=idle(1, billed=7199.0), billing_unit=3600.0).stop == (1,)


def test_the_cool_down_keeps_idle_machines() -> None:
    fresh = (Machine(id=9, age=20.0, idle=20.0),)
    assert ask(machines=idle(1) + fresh, cool_down=60.0).stop == ()
    assert ask(machines=idle(1) + fresh, cool_down=10.0).stop == (1,)


@pytest.mark.parametrize(
    ("listed", "chosen"),
    [
        ([], None),
        ([Place("a")], None),
        ([Place("a"), Place("b"), Place("c")], "b"),
        ([Place("a"), Place("b", is_blocked=True), Place("c")], "c"),
        ([Place("a"), Place("b", is_active=False)], None),
        ([Place("a"), Place("b"), Place("c", free=2)], "c"),
    ],
)
def test_without_capacity_the_next_pool_of_the_author_is_taken(listed: list[Place], chosen: str | None) -> None:
    assert next_pool("a", listed) == chosen


LESSONS = [{"days": "mon-fri", "from": "08:00", "until": "10:00", "runners": 4, "zone": "Europe/Paris"}]


@pytest.mark.parametrize(
    ("moment", "inside"),
    [
        ("2026-11-27T07:00+00:00", True),  # Friday 8:00 in Paris
        ("2026-11-27T06:59+00:00", False),
        ("2026-11-27T09:00+00:00", False),
        ("2026-11-28T07:30+00:00", False),  # Saturday
        ("2026-07-03T06:00+00:00", True),  # summer time
    ],
)
def test_a_window_is_in_the_time_of_the_lessons(moment: str, inside: bool) -> None:
    (window,) = windows_parse(LESSONS)
    assert window.contains(datetime.fromisoformat(moment)) is inside


def test_a_window_over_midnight_belongs_to_the_day_it_began() -> None:
    (window,) = windows_parse([{"days": "sun", "from": "22:00", "until": "02:00", "runners": 1}])
    assert window.contains(datetime(2026, 11, 29, 23, tzinfo=UTC))
    assert window.contains(datetime(2026, 11, 30, 1, 59, tzinfo=UTC))
    assert not window.contains(datetime(2026, 11, 29, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ("08:00", "needs from, until and runners"),
        ({"from": "8", "until": "10:00", "runners": 1}, "times like 07:45"),
        ({"from": "08:00", "until": "08:00", "runners": 1}, "two different times"),
        ({"from": "08:00", "until": "10:00", "runners": 0}, "whole number from 1"),
        ({"from": "08:00", "until": "10:00", "runners": True}, "whole number from 1"),
        ({"from": "08:00", "until": "10:00", "runners": 1, "zone": "../etc/passwd"}, "no time zone"),
        ({"from": "08:00", "until": "10:00", "runners": 1, "days": "mo-fr"}, "days are like"),
        ({"from": "08:00", "until": "10:00", "runners": 1, "note": "x"}, "needs from, until and runners"),
    ],
)
def test_a_window_that_makes_no_sense_is_refused_with_a_sentence(item: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        windows_parse([item])
    with pytest.raises(ValueError, match="are a list"):
        windows_parse(item)


@pytest.mark.parametrize(("text", "days"), [("wed", {3}), ("fri-mon", {5, 6, 7, 1}), ("sat, sun", {6, 7})])
def test_days_are_read(text: str, days: set[int]) -> None:
    (window,) = windows_parse([{"days": text, "from": "08:00", "until": "10:00", "runners": 1}])
    assert window.days == days
