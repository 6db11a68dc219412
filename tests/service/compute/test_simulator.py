"""The simulator of `make simulate`, on small days: everybody is served, and the same seed is the same day."""

import pytest

from tests.benchmarks.scaling import report
from tests.benchmarks.scaling.day import EVALUATION, HOUR, Day
from tests.benchmarks.scaling.engine import Outcome, Simulation
from tests.benchmarks.scaling.policies import Policy, fixed, naive, ours

DAY = Day(300, 7)
ORDERS = [step for visit in DAY.visits() for step in visit.steps]


def policies() -> list[Policy]:
    return [fixed(6), naive(20), ours(DAY.students, 20)]


@pytest.mark.parametrize("policy", policies(), ids=lambda policy: policy.name)
@pytest.mark.parametrize("interruptions", [0.0, 2.0])
def test_everybody_is_served_once_and_work_is_neither_lost_nor_invented(policy: Policy, interruptions: float) -> None:
    interruptions = 0.0 if policy.at_midnight else interruptions
    outcome = Simulation(DAY, policy, interruptions=interruptions).run()
    assert outcome.done == len(outcome.waits) == len(ORDERS)
    assert all(wait >= 0 for _, wait in outcome.waits)
    work = sum(step.seconds for step in ORDERS)
    assert work - 1 <= outcome.busy <= work + 60 * outcome.interrupted + 1
    assert outcome.busy <= outcome.billed
    assert outcome.most <= policy.rules.most
    if interruptions:
        assert outcome.interrupted > 0


def test_a_fixed_pool_is_paid_the_whole_day() -> None:
    assert Simulation(DAY, fixed(6)).run().billed == 6 * 24 * HOUR


def test_the_same_seed_is_the_same_day() -> None:
    first, again = (Simulation(DAY, ours(300, 20), interruptions=1.0).run() for _ in range(2))
    assert first == again
    assert Day(300, 8).visits() != DAY.visits()


def test_the_exam_has_its_hand_ins_and_more_fixed_machines_wait_less() -> None:
    assert sum(step.kind == EVALUATION for step in ORDERS) == DAY.students * 15 // 100
    waits = [Simulation(DAY, fixed(count)).run().waited(0.95, *DAY.exam) for count in (2, 4, 8)]
    assert waits == sorted(waits, reverse=True)
    assert waits[0] > waits[-1]


def test_a_quantile_is_of_the_part_that_was_asked_for() -> None:
    outcome = Outcome("x", waits=[(float(at), float(at)) for at in range(1, 101)])
    assert outcome.waited(0.95) == 95
    assert outcome.waited(0.5, 91, 101) == 95
    assert outcome.waited(0.5, 500, 600) == 0


def test_the_page_gets_the_figures_between_its_markers() -> None:
    compared = report.compare(DAY, price=1.8, interruptions=0.0)
    assert compared.bought.waited(0.95, *DAY.exam) <= report.PROMISE
    before = f"# A\n{report.BEGIN}\nold\n{report.FINISH}\nz\n"
    after = report.page(before, compared)
    assert after.startswith(f"# A\n{report.BEGIN}\n")
    assert after.endswith(f"{report.FINISH}\nz\n")
    assert "old" not in after
    assert "**(bought)**" in after
    with pytest.raises(ValueError, match="has no lines"):
        report.page("# A page without markers", compared)
