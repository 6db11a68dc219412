"""The people of a day: who sits down when, and what they order. Everything from one seed.

A person orders, waits for the end, thinks, and orders again: who waits long orders later, under every policy alike.
All figures here are assumptions, written into docs/scaling.md beside the results.
"""

from dataclasses import dataclass
from math import log
from random import Random

HOUR = 3600.0
TRAINING, EVALUATION = "training", "evaluation"
RUN = {TRAINING: (120.0, 0.5), EVALUATION: (20.0, 0.3)}  # median in seconds, deviation of the logarithm
# Homework by the hour of the day (UTC): nights are quiet, evenings are not.
HOMEWORK = (2, 1, 1, 0, 0, 1, 2, 3, 4, 5, 5, 4, 4, 5, 5, 5, 5, 5, 5, 7, 8, 8, 6, 4)
LABS = (9.0, 11.0, 14.0, 16.0)  # each lasts two hours
EXAM = 18.0


@dataclass(frozen=True)
class Step:
    """One order: seconds after the end of the one before (or after sitting down), its kind, and how long it runs."""

    after: float
    kind: str
    seconds: float


@dataclass(frozen=True)
class Visit:
    """A person who sits down at `at` seconds of the day."""

    at: float
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Day:
    """A course's day. A lab is for 4 % of the students, the exam for 15 %, homework for 20 %."""

    students: int
    seed: int

    @property
    def exam(self) -> tuple[float, float]:
        """The exam hour, in seconds of the day."""
        return EXAM * HOUR, (EXAM + 1) * HOUR

    def visits(self) -> list[Visit]:
        """Everybody of the day, in no order."""
        random = Random(self.seed)
        return [*self._homework(random), *self._labs(random), *self._exam(random)]

    def _homework(self, random: Random) -> list[Visit]:
        hours = random.choices(range(24), weights=HOMEWORK, k=self.students // 5)
        return [
            Visit((hour + random.random()) * HOUR, _trainings(random, random.randint(1, 3), 600.0)) for hour in hours
        ]

    def _labs(self, random: Random) -> list[Visit]:
        """The class sits down together, sorts pictures for some minutes, and trains three times."""
        return [
            Visit(lab * HOUR + random.uniform(0, 300), _trainings(random, 3, 900.0, first=random.gauss(900, 300)))
            for lab in LABS
            for _ in range(self.students // 25)
        ]

    def _exam(self, random: Random) -> list[Visit]:
        """Everybody begins at once, trains twice and hands in: the model is evaluated on the hidden test set."""
        found = []
        for _ in range(self.students * 15 // 100):
            steps = _trainings(random, 2, 600.0, first=random.gauss(720, 300))
            evaluation = Step(random.uniform(30, 240), EVALUATION, _run(random, EVALUATION))
            found.append(Visit(EXAM * HOUR + random.uniform(0, 120), (*steps, evaluation)))
        return found


def _trainings(random: Random, count: int, think: float, first: float | None = None) -> tuple[Step, ...]:
    """Trainings with thinking times between them, exponential above a minute."""
    pauses = [max(0.0, first if first is not None else random.expovariate(1 / think))]
    pauses += [60 + random.expovariate(1 / think) for _ in range(count - 1)]
    return tuple(Step(pause, TRAINING, _run(random, TRAINING)) for pause in pauses)


def _run(random: Random, kind: str) -> float:
    median, deviation = RUN[kind]
    return random.lognormvariate(log(median), deviation)
