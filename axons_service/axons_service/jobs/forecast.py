"""What was read of a pool's line at one moment, and when its places start."""

import time
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from statistics import median
from threading import Lock, RLock

from django.utils import timezone

from axons_service.compute.models import CourseLimits, Pool, Runner
from axons_service.compute.policy import Measures
from axons_service.compute.providers import provider_of
from axons_service.compute.scaling import Load, runners_to_start
from axons_service.jobs.allowance import claimable_count
from axons_service.jobs.course_room import course_trainings
from axons_service.jobs.estimate import Estimate, Estimates, Measured, Slot, Work
from axons_service.jobs.line import Waiting, WorkKey, alternating, in_order
from axons_service.jobs.measurements import JOB_KINDS, WAY, run_times, start_times, way, way_of
from axons_service.jobs.models import Attempt, CourseTurn, Job
from axons_service.jobs.states import WAITING

FRESH_SECONDS = 1.0  # a line is read again only after so long, however many look and join
READING_SHARE = 0.1  # of its process's time that reading a long line may take
LONG = 500  # in a line of more jobs nobody looks at each of them for one that joins


class Forecast:
    """One line of a pool: inference, or what the training slots take. As many queries for one job as for thousands."""

    def __init__(self, pool: Pool, *, is_inference: bool) -> None:
        self.read_at = time.monotonic()
        self.pool = pool
        self._lock = RLock()
        self._kinds = kinds = JOB_KINDS[is_inference]
        self._courses = CourseTurn.objects.filter(pool=pool, kind__in=kinds).select_related("limits").in_bulk()
        self._waiting = _waiting(pool.pk, kinds, self._courses)
        self._measured = run_times(pool.pk, kinds)
        self._begin = start_times(pool) if provider_of(pool).starts_runners else None
        self.slots = self._slots(pool, is_inference)
        self._arrange()
        self._estimate()
        limited = {course.limits_id for course in self._courses.values() if course.limits.max_running is not None}
        self._running = course_trainings(limited) if limited else {}
        self._seconds_to_read = time.monotonic() - self.read_at

    @property
    def is_fresh(self) -> bool:
        """Whether it was read so lately that reading it again is not worth its time."""
        kept = max(FRESH_SECONDS, self._seconds_to_read / READING_SHARE)
        return time.monotonic() - self.read_at < kept

    def knows(self, job: Job) -> bool:
        """Whether the job's course was there when the line was read."""
        return job.turn is None or job.turn.course_turn_id in self._courses

    def position(self, job: Job) -> int:
        """1 is next. A job that came after the line was read is placed by the same rules."""
        with self._lock:
            if job.pk not in self.positions:
                if len(self.order) > LONG:
                    return self._newcomer(job)
                self._waiting.append(self._joined(job))  # who comes then sees it
                self._arrange()
                if self._estimates.is_past(self.positions[job.pk] - 1):
                    self._estimate()
            return self.positions[job.pk]

    def estimate(self, position: int) -> Estimate:
        with self._lock:
            return self._estimates.of(position - 1)

    def measured(self, position: int) -> Measured | None:
        """The fewest run times that the estimate of this position rests on."""
        ahead = [self._measured.of(job.key) for job in self.order[: min(position - 1, LONG)]]
        used = [each for each in [*ahead, *(slot.busy for slot in self.slots)] if each is not None]
        return min(used, key=lambda each: len(each.seconds), default=None)

    def limits(self, job: Job) -> CourseLimits | None:
        """The limits of the job's course."""
        course = self._courses.get(job.turn.course_turn_id) if job.turn is not None else None
        return course.limits if course is not None else None

    def running(self, limits: CourseLimits) -> int:
        """Trainings of a course with a limit that run now, in any pool."""
        return self._running.get(limits.pk, 0)

    def _arrange(self) -> None:
        """Put the line in order."""
        first, *others = (in_order(job for job in self._waiting if job.key[1] == kind) for kind in self._kinds)
        self._first, self._second = first, others[0] if others else []
        self.order = alternating(self._first, self._second)
        self.positions = {job.job_id: position for position, job in enumerate(self.order, start=1)}

    def _estimate(self) -> None:
        """Play the line as it is; that is dearer than to put it in order."""
        first, second = ([self._work(job) for job in jobs] for jobs in (self._first, self._second))
        self._estimates = Estimates(first, second, self.slots)

    def _joined(self, job: Job) -> Waiting:
        key: WorkKey = (job.spec_id, job.kind, way(job.hyperparameters.get(name) for name in WAY))
        if job.turn is None:
            return Waiting(job.pk, key, job.created_at, job.attempt > 0)
        course = self._courses[job.turn.course_turn_id]
        turn = (job.turn.pk, job.turn.served_at, course.pk, course.served_at)
        return Waiting(job.pk, key, job.created_at, job.attempt > 0, *turn)

    def _work(self, job: Waiting) -> Work:
        measured = self._measured.of(job.key)
        if job.key[1] != Job.Kind.TRAINING or not job.course:
            return Work(job.key[1], measured)
        limits = self._courses[job.course].limits
        return Work(job.key[1], measured, limits.pk, limits.max_running)

    def _newcomer(self, job: Job) -> int:
        """Where a job belongs that is not in a long line: behind its own, and in its learner's turn."""
        turn = job.turn
        own = [each for each in self.order if turn is not None and each.course == turn.course_turn_id]
        rounds: dict[int, int] = {}
        before = 0
        mine = sum(turn is not None and each.learner == turn.pk for each in own)
        for each in own:
            rounds[each.learner] = rounds.get(each.learner, 0) + 1
            before += rounds[each.learner] <= mine or (
                rounds[each.learner] == mine + 1 and turn is not None and each.learner_served_at <= turn.served_at
            )
        others: dict[int, int] = {}
        for each in self.order:
            if turn is None or each.course != turn.course_turn_id:
                others[each.course] = others.get(each.course, 0) + 1
        return before + sum(min(count, before + 1) for count in others.values()) + 1

    def _slots(self, pool: Pool, is_inference: bool) -> list[Slot]:
        """Slots of working machines, of those that start, and of those that the pool will start for this line."""
        now = timezone.now()
        alive = Runner.objects.filter(pool=pool, state__in=[Runner.State.STARTING, Runner.State.ACTIVE])
        runners = list(alive.order_by("pk"))
        held = _held(pool.pk, is_inference)
        begin = self._begin
        slots: list[Slot] = []
        for runner in runners:
            if runner.pk in held:
                key, started_at, course = held[runner.pk]
                known = self._measured.of(key)
                elapsed = (now - started_at).total_seconds()
                slots.append(Slot(known, elapsed, known is None, course, runner.training_slot_kind))
            elif runner.state == Runner.State.STARTING:
                slots.append(Slot(begin, (now - runner.created_at).total_seconds(), begin is None))
            else:
                slots.append(Slot(last_kind=runner.training_slot_kind))
        if provider_of(pool).starts_runners:
            claimable = claimable_count(pool)  # no machine comes for what a limit or a budget holds
            waiting = sum(claimable.get(kind, 0) for kind in JOB_KINDS[is_inference])
            load = Load(0, waiting, runners) if is_inference else Load(waiting, 0, runners, frozenset(held))
            load = replace(load, measures=self._policy_measures())
            slots += [Slot(begin, 0.0, begin is None)] * runners_to_start(pool, load)
        return slots

    def next_machine(self, asked_at: datetime) -> float | None:
        """Seconds until a machine that is asked for then claims, if the provider has one; null when never measured."""
        if self._begin is None:
            return None
        return round((asked_at - timezone.now()).total_seconds() + median(self._begin.seconds), 1)

    def _policy_measures(self) -> Measures:
        """What the scaler knows, so that the estimate counts on the machines that it will start."""
        start = median(self._begin.seconds) if self._begin is not None else None
        return Measures(run=self._measured.mean(JOB_KINDS[False]), start=start)


_lately: dict[tuple[int, bool], Forecast] = {}
_reading: dict[tuple[int, bool], Lock] = {}


def forecast(pool_id: int, jobs: Iterable[Job], *, is_inference: bool) -> Forecast:
    """The line in which these jobs are, as it was a moment ago, so that many who look do not each read it.

    One thread reads; whoever comes meanwhile takes what is there, or waits for it.
    """
    key = (pool_id, is_inference)
    wanted = list(jobs)
    known = _lately.get(key)
    is_usable = known is not None and all(known.knows(job) for job in wanted)
    if known is not None and is_usable and known.is_fresh:
        return known
    reading = _reading.setdefault(key, Lock())
    if not reading.acquire(blocking=not is_usable) and known is not None:
        return known
    try:
        newest = _lately.get(key)
        if newest is not None and newest is not known and all(newest.knows(job) for job in wanted):
            return newest
        fresh = Forecast(Pool.objects.get(pk=pool_id), is_inference=is_inference)
        _lately[key] = fresh
        return fresh
    finally:
        reading.release()


def _waiting(pool_id: int, kinds: list[str], courses: dict[int, CourseTurn]) -> list[Waiting]:
    rows = Job.objects.filter(pool=pool_id, kind__in=kinds, state__in=WAITING).values_list(
        "pk",
        "spec",
        "kind",
        "created_at",
        "attempt",
        "turn",
        "turn__served_at",
        "turn__course_turn",
        *way_of("hyperparameters"),
    )
    found: list[Waiting] = []
    for pk, spec, kind, created_at, attempt, turn, served_at, course, *values in rows:
        key: WorkKey = (spec, kind, way(values))
        if turn is None or course not in courses:
            found.append(Waiting(pk, key, created_at, attempt > 0))
        else:
            of_course = courses[course].served_at
            found.append(Waiting(pk, key, created_at, attempt > 0, turn, served_at, course, of_course))
    return found


def _held(pool_id: int, is_inference: bool) -> dict[int, tuple[WorkKey, datetime, int]]:
    """What the slots of this line do: work, start and limited course, by the id of the runner."""
    living = Attempt.objects.filter(
        job__pool=pool_id, job__kind__in=JOB_KINDS[is_inference], ended_at__isnull=True, runner__isnull=False
    ).values_list(
        "runner",
        "job__spec",
        "job__kind",
        "started_at",
        "job__turn__course_turn__limits",
        *way_of("job__hyperparameters"),
    )
    return {
        runner: ((spec, kind, way(values)), started_at, (limits or 0) if kind == Job.Kind.TRAINING else 0)
        for runner, spec, kind, started_at, limits, *values in living
        if runner is not None
    }
