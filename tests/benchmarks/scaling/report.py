"""The comparison: a sweep of fixed pools, the one an operator would buy, naive scale-to-zero and ours."""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.benchmarks.scaling.day import Day
from tests.benchmarks.scaling.engine import Outcome, Simulation
from tests.benchmarks.scaling.policies import fixed, naive, ours

PROMISE = 120.0  # the wait, in seconds, that 95 of 100 orders of the exam hour may have
BEGIN, FINISH = "<!-- make simulate: begin -->", "<!-- make simulate: end -->"
SWEEP = (0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 2.2, 2.5, 3.0)  # of the machines that the exam keeps busy


@dataclass(frozen=True)
class Compared:
    """The outcomes. `bought` is the cheapest fixed pool that keeps the promise in the exam hour."""

    day: Day
    price: float
    interruptions: float
    sweep: list[Outcome]
    bought: Outcome
    naive: Outcome
    ours: Outcome

    @property
    def cost_ratio(self) -> float:
        return self.ours.machine_hours / self.bought.machine_hours


def compare(day: Day, *, price: float, interruptions: float) -> Compared:
    """Replay the day under every policy."""
    needed = day.students * 0.0113
    most = round(needed * 3)
    sizes = sorted({max(1, round(needed * share)) for share in SWEEP})
    outcomes = {size: Simulation(day, fixed(size)).run() for size in sizes}
    low = max((size for size in sizes if not _keeps(outcomes[size], day)), default=0)
    high = min((size for size in sizes if _keeps(outcomes[size], day)), default=most)
    while high - low > 1:  # the smallest that keeps the promise, to one machine
        middle = (low + high) // 2
        outcomes[middle] = Simulation(day, fixed(middle)).run()
        low, high = (low, middle) if _keeps(outcomes[middle], day) else (middle, high)
    bought = outcomes[high] if high in outcomes else Simulation(day, fixed(high)).run()
    shown = sorted({*sizes, high})
    return Compared(
        day,
        price,
        interruptions,
        [outcomes[size] for size in shown if size in outcomes],
        bought,
        Simulation(day, naive(most), interruptions=interruptions).run(),
        Simulation(day, ours(day.students, most), interruptions=interruptions).run(),
    )


def _keeps(outcome: Outcome, day: Day) -> bool:
    return outcome.waited(0.95, *day.exam) <= PROMISE


def _row(outcome: Outcome, compared: Compared) -> tuple[str, ...]:
    exam = compared.day.exam
    return (
        outcome.policy,
        f"{outcome.waited(0.5):.0f}",
        f"{outcome.waited(0.95):.0f}",
        f"{outcome.waited(0.5, *exam):.0f}",
        f"{outcome.waited(0.95, *exam):.0f}",
        f"{100 * outcome.utilisation:.0f} %",
        f"{outcome.most}",
        f"{outcome.machine_hours:.0f}",
        f"{outcome.machine_hours * compared.price:,.0f}",
    )


HEAD = ("policy", "p50 s", "p95 s", "exam p50 s", "exam p95 s", "utilised", "most", "machine-hours", "€")


def text(compared: Compared) -> str:
    """What the command prints: also a table in Markdown, so that page and terminal say the same."""
    return "\n".join(_lines(compared))


def _lines(compared: Compared) -> Iterator[str]:
    day, mine, bought = compared.day, compared.ours, compared.bought
    yield f"A day of {day.students:,} students, seed {day.seed}: {mine.done:,} trainings and evaluations, each done."
    yield f"{compared.price:.2f} € a machine-hour (an example). Ordered machines are interrupted"
    yield f"{1000 * compared.interruptions:g} times in 1,000 hours; continued elsewhere under ours: {mine.interrupted}."
    yield ""
    yield f"| {' | '.join(HEAD)} |"
    yield f"|---|{'---:|' * (len(HEAD) - 1)}"
    for outcome in [*compared.sweep, compared.naive, mine]:
        mark = " **(bought)**" if outcome is bought else ""
        name, *figures = _row(outcome, compared)
        yield f"| {name}{mark} | {' | '.join(figures)} |"
    yield ""
    exam = day.exam
    yield "**Bought** is the smallest fixed pool that keeps 95 of 100 waits of the exam hour within two minutes."
    for title, part in (("the whole day", ()), ("the exam hour", exam)):
        own, other = mine.waited(0.95, *part), bought.waited(0.95, *part)
        yield f"- p95 of {title}: {own:.0f} s against {other:.0f} s, {_better(own, other)}."
    costs = f"{mine.machine_hours * compared.price:,.0f} € against {bought.machine_hours * compared.price:,.0f} €"
    discount = 100 * (1 - compared.cost_ratio)
    yield f"- cost: {compared.cost_ratio:.2f} of it, {costs}."
    yield f"  A fixed machine must be {discount:.0f} % cheaper by the hour before the fixed pool costs as little."
    goal = mine.waited(0.95, *exam) <= PROMISE and compared.cost_ratio <= 0.6
    yield f"- goal (p95 of the exam hour at most 120 s at 0.6 of the cost or less): {'reached' if goal else 'missed'}."


def _better(own: float, other: float) -> str:
    if own < other:
        return f"{other - own:.0f} s shorter"
    return "the same" if own == other else f"{own - other:.0f} s longer"


def page(before: str, compared: Compared) -> str:
    """The page with its figures between the markers. Raises ValueError when it has none."""
    head, begin, rest = before.partition(BEGIN)
    _, finish, tail = rest.partition(FINISH)
    if not begin or not finish:
        raise ValueError(f"The page has no lines {BEGIN} and {FINISH} to write between.")
    return f"{head}{BEGIN}\n{text(compared)}\n{FINISH}{tail}"
