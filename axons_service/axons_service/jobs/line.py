"""In which order the waiting jobs of one kind in one pool are claimed. Pure; `services.claims` does the same in SQL."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from uuid import UUID

from axons_service.jobs.models import NEVER

WorkKey = tuple[int, str, str]  # spec, kind, and the way in which it computes
Rank = tuple[datetime, datetime, int]


@dataclass(frozen=True)
class Waiting:
    """A job that nobody holds. `learner` and `course` are the ids of their turns; 0 while it has none."""

    job_id: UUID
    key: WorkKey
    created_at: datetime
    is_retried: bool = False
    learner: int = 0
    learner_served_at: datetime = NEVER
    course: int = 0
    course_served_at: datetime = NEVER


def in_order(jobs: Iterable[Waiting]) -> list[Waiting]:
    """Retried jobs, then courses in turn; in each course learners in turn; of each learner the oldest job first.

    Whoever is served goes to the end, so a learner's n-th job comes in the n-th round of the course, and a course's
    n-th job in the n-th round of the line.
    """
    jobs = sorted(jobs, key=lambda job: job.created_at)
    retried = [job for job in jobs if job.is_retried]
    by_course: dict[int, dict[int, list[Waiting]]] = defaultdict(lambda: defaultdict(list))
    for job in jobs:
        if not job.is_retried:
            by_course[job.course][job.learner].append(job)
    courses: list[tuple[Rank, list[Waiting]]] = []
    for course, learners in by_course.items():
        own = [((line[0].learner_served_at, line[0].created_at, learner), line) for learner, line in learners.items()]
        line = in_turn(own)
        first = min(job.created_at for job in line)
        courses.append(((line[0].course_served_at, first, course), line))
    return retried + in_turn(courses)


def in_turn(lines: list[tuple[Rank, list[Waiting]]]) -> list[Waiting]:
    """The lines merged round by round, in the order of their ranks."""
    ranked = [line for _, line in sorted(lines, key=lambda pair: pair[0])]
    return [job for round_ in zip_longest(*ranked) for job in round_ if job is not None]


def alternating(first: list[Waiting], second: list[Waiting]) -> list[Waiting]:
    """Two lines that one slot takes from alternately."""
    return [job for pair in zip_longest(first, second) for job in pair if job is not None]
