"""What a course may use: limits, budgets that warn and stop politely, and nobody else's."""

import uuid
from datetime import UTC, date, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from axons_service.compute.accounting import course_limits_set
from axons_service.compute.budgets import budget_check, budgets_of, period_of
from axons_service.compute.models import ComputeUse, CourseLimits, Runner
from axons_service.exercises.models import Project
from axons_service.exercises.specs import spec_check
from axons_service.grading.selectors import project_tries
from axons_service.jobs.models import Attempt, Job
from axons_service.jobs.queue import places
from axons_service.jobs.services import attempt_finish, job_claim, job_create, job_dispatch
from axons_service.operations.problems import Problem
from axons_service.training_sets.models import TrainingSet
from tests.service import builders
from tests.service.builders import Caller


@pytest.fixture
def project(course: builders.Lms) -> Project:
    Runner.objects.create(pool_id=_pool(), name="r", state="active")
    return builders.project(Caller(course))


def _pool() -> int:
    from axons_service.compute.models import Pool

    return Pool.objects.get(name="cpu").pk


def limits(project: Project, **changes: object) -> CourseLimits:
    values = {"max_running": None, "course_minutes": None, "learner_minutes": None, "period": "month", **changes}
    return course_limits_set(site=project.exercise.site, course_key=builders.COURSE, **values)  # type: ignore[arg-type]


def used(project: Project, minutes: float, *, learner: str = "anna", day: date | None = None) -> None:
    row, _ = CourseLimits.objects.get_or_create(site=project.exercise.site, course_key=builders.COURSE)
    for whose in (learner, ""):
        use, _ = ComputeUse.objects.get_or_create(
            limits=row, learner=whose, day=day or timezone.now().astimezone(UTC).date()
        )
        ComputeUse.objects.filter(pk=use.pk).update(seconds=use.seconds + minutes * 60)


def training(project: Project, *, dispatch: bool = True) -> Job:
    training_set, _ = TrainingSet.objects.get_or_create(
        project=project,
        version=1,
        defaults={"site": project.exercise.site, "kind": "project", "state": "ready", "classes": builders.CLASSES},
    )
    job, _ = job_create(
        project=project,
        kind="training",
        idempotency_key=uuid.uuid4().hex,
        request_sha256="0" * 64,
        training_set=training_set,
        hyperparameters={"architecture": "small_cnn"},
    )
    if dispatch:
        job_dispatch(job_id=job.pk)
    return job


def claim() -> Job | None:
    found = job_claim(runner=Runner.objects.select_related("pool").get(name="r"), slots=["training"], architectures=[])
    return found.job if found is not None else None


def end(job: Job, minutes: float, outcome: str = "failed", failure: str | None = "time_limit") -> None:
    """The job's attempt ends after so many minutes."""
    from axons_service.jobs.failures import FailureClass

    Attempt.objects.filter(job=job).update(started_at=timezone.now() - timedelta(minutes=minutes))
    attempt_finish(
        job_id=job.pk,
        number=job.attempt,
        outcome=outcome,
        files=[],
        result={},
        failure_class=FailureClass(failure) if failure else None,
    )


def test_without_limits_there_is_no_budget(project: Project) -> None:
    used(project, 1e6)
    assert budgets_of(project) == []


def test_a_budget_is_quiet_then_warns_then_stops(project: Project) -> None:
    limits(project, learner_minutes=100)
    used(project, 79)
    (budget,) = budgets_of(project)
    assert (budget.state, budget.message) == ("ok", "")
    used(project, 1)
    (budget,) = budgets_of(project)
    assert budget.state == "short"
    assert budget.message == "You have used 80 % of your 100 compute minutes of this month in this course."
    used(project, 20)
    with pytest.raises(Problem) as refused:
        training(project)
    assert (refused.value.status_code, refused.value.problem_code) == (409, "budget_used_up")
    assert "You have used up your 100 compute minutes of this month in this course" in refused.value.sentence
    assert "the administrator of the training service can raise the limit" in refused.value.sentence
    assert "No try was used." in refused.value.sentence
    assert project_tries(project).used == 0
    assert not Job.objects.exists()


def test_a_repeated_request_still_gets_its_first_job_when_the_budget_is_used_up(project: Project) -> None:
    limits(project, learner_minutes=10)
    job = training(project)
    used(project, 10)
    again, created = job_create(
        project=project, kind="training", idempotency_key=job.idempotency_key, request_sha256="0" * 64
    )
    assert (again, created) == (job, False)


def test_what_runs_is_finished_and_what_waits_goes_on_waiting(project: Project) -> None:
    limits(project, course_minutes=10)
    running, waiting = training(project), training(project)
    assert claim() == running
    used(project, 10, learner="someone else")
    assert claim() is None
    place = places([waiting])[waiting.pk]
    assert place.reason is not None
    assert place.reason.code == "budget_used_up"
    assert place.eta_seconds is None
    end(Job.objects.get(pk=running.pk), 1)
    assert Job.objects.get(pk=running.pk).failure_class == "time_limit"
    limits(project, course_minutes=1000)
    assert claim() == waiting


def test_other_kinds_of_jobs_go_on_without_a_budget(project: Project) -> None:
    limits(project, course_minutes=1)
    used(project, 1)
    model = builders.model(project)
    job, created = job_create(
        project=project,
        kind="evaluation",
        idempotency_key="e",
        request_sha256="0" * 64,
        model=model,
        training_set=TrainingSet.objects.get(kind="hidden"),
    )
    job_dispatch(job_id=job.pk)
    assert created
    assert claim() == job


def test_minutes_are_counted_once_for_the_learner_and_the_course(project: Project) -> None:
    job = training(project)
    assert claim() is not None
    job.refresh_from_db()
    end(job, 12)
    end(job, 12)  # the answer was lost, the runner says it again
    seconds = dict(ComputeUse.objects.values_list("learner", "seconds"))
    assert set(seconds) == {"anna", ""}
    assert all(720 <= each < 740 for each in seconds.values())


def test_our_own_faults_cost_nobody_a_minute(project: Project) -> None:
    job = training(project)
    claim()
    job.refresh_from_db()
    end(job, 12, failure=None)
    assert Job.objects.get().state == "queued"
    assert not ComputeUse.objects.exists()


def test_minutes_of_another_period_do_not_count(project: Project) -> None:
    limits(project, learner_minutes=10, period="day")
    used(project, 60, day=timezone.now().astimezone(UTC).date() - timedelta(days=1))
    budget_check(project, CourseLimits.objects.get())
    limits(project, learner_minutes=10, period="always")
    with pytest.raises(Problem, match="raise the limit"):
        budget_check(project, CourseLimits.objects.get())


def test_limits_of_one_site_never_touch_another(project: Project) -> None:
    """The same course key on another LMS is another course."""
    limits(project, max_running=1, course_minutes=1, learner_minutes=1)
    used(project, 5)
    elsewhere = builders.lms("elsewhere")
    other = builders.project(Caller(elsewhere))
    assert budgets_of(other) == []
    first, second = training(other), training(other)
    assert [claim(), claim()] == [first, second]


def test_a_learners_budget_is_theirs_alone(project: Project, course: builders.Lms) -> None:
    limits(project, learner_minutes=10)
    used(project, 10)
    ben = builders.project(Caller(course, learner="ben"))
    assert training(ben).state == "queued"


def test_over_the_courses_limit_a_job_waits_and_says_why(project: Project, course: builders.Lms) -> None:
    limits(project, max_running=1)
    running, waiting = training(project), training(project)
    assert claim() == running
    assert claim() is None
    reason = places([waiting])[waiting.pk].reason
    assert reason is not None
    assert (reason.code, reason.limit, reason.running) == ("course_limit", 1, 1)
    assert reason.message == "Your course may run 1 job at once; 1 is running."
    running.refresh_from_db()
    end(running, 1)
    assert claim() == waiting


def test_the_authors_budget_is_for_each_learner_in_the_exercise(project: Project, course: builders.Lms) -> None:
    mean = builders.project(Caller(course, usage="block-v1:x+block@two"), builders.spec(compute_minutes_per_learner=10))
    job = training(mean)
    claim()
    job.refresh_from_db()
    end(job, 10.1)
    with pytest.raises(Problem) as refused:
        training(mean)
    assert "your 10 compute minutes in this exercise" in refused.value.sentence
    assert "Your educator can raise the limit." in refused.value.sentence
    assert training(project).pk


@pytest.mark.parametrize("value", [0, -1, 1.5, "10", True, 100_001])
def test_a_spec_with_a_budget_that_makes_no_sense_is_refused(value: object) -> None:
    (error,) = spec_check(builders.spec(compute_minutes_per_learner=value))
    assert error["field"] == "compute_minutes_per_learner"


def test_a_spec_may_have_a_budget_or_none() -> None:
    assert spec_check(builders.spec(compute_minutes_per_learner=30)) == []
    assert spec_check(builders.spec(compute_minutes_per_learner=None)) == []
    assert spec_check(builders.spec()) == []


@pytest.mark.parametrize(
    ("period", "start", "renewed"),
    [
        ("day", date(2026, 12, 30), date(2026, 12, 31)),
        ("week", date(2026, 12, 28), date(2027, 1, 4)),
        ("month", date(2026, 12, 1), date(2027, 1, 1)),
        ("always", date.min, None),
    ],
)
def test_periods_begin_and_end(period: str, start: date, renewed: date | None) -> None:
    assert period_of(period, datetime(2026, 12, 30, tzinfo=UTC).date()) == (start, renewed)


def test_the_projects_state_has_the_scarcest_budget(course: builders.Lms, anna: Caller) -> None:
    state = anna.open().json()["project"]
    assert state["budget"] is None
    project = anna.project()
    limits(project, course_minutes=1000, learner_minutes=10)
    used(project, 9)
    budget = anna.get(f"/projects/{project.pk}").json()["budget"]
    assert (budget["scope"], budget["state"], budget["left_minutes"]) == ("learner", "short", 1.0)
    assert "90 %" in budget["message"]


def test_the_command_sets_shows_and_takes_away(project: Project) -> None:
    def run(*arguments: str) -> str:
        out = StringIO()
        call_command("course_limits", "--site", "campus", "--course", builders.COURSE, *arguments, stdout=out)
        return out.getvalue()

    assert "5 trainings at once" in run("--max-running", "5", "--learner-minutes", "60", "--period", "week")
    assert "60 for each learner, renewed: week" in run()
    run("--learner-minutes", "none")
    row = CourseLimits.objects.get()
    assert (row.max_running, row.learner_minutes, row.period) == (5, None, "week")
    with pytest.raises(CommandError):
        run("--max-running", "0")
    with pytest.raises(CommandError, match="whole number"):
        run("--max-running", "many")
    with pytest.raises(CommandError, match="site_register"):
        call_command("course_limits", "--site", "nowhere", "--course", "c")
