"""Courses end: their learners' work goes to the trash some days later, and nothing anybody still works on."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from axons_service.exercises.models import Project
from axons_service.operations.retention import ages, trash
from axons_service.storage.models import CoursePolicy, Trash
from tests.service import builders
from tests.service.builders import Caller, Lms
from tests.service.operations import retained

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def project(course: Lms, anna: Caller) -> Project:
    anna.open()
    return anna.project()


def policy(site: Any, *, ended: int, retention_days: int | None = 30, course: str = builders.COURSE) -> CoursePolicy:
    """The course ended that many days ago."""
    return CoursePolicy.objects.create(
        site=site, course_key=course, ends_on=timezone.now().date() - ended * DAY, retention_days=retention_days
    )


def old_set(project: Project, days: int = 100) -> Any:
    row = retained.training_set(project)
    retained.age(row, days * DAY)
    return row


def in_trash(row: Any) -> bool:
    row.refresh_from_db()
    return row.trash_id is not None


def test_by_default_nothing_ever_goes(project: Project) -> None:
    row = old_set(project, 10_000)
    assert ages.courses_sweep() == 0
    policy(project.exercise.site, ended=5000, retention_days=None)
    assert ages.courses_sweep() == 0
    assert not in_trash(row)


@pytest.mark.parametrize(("ended", "goes"), [(0, False), (30, False), (31, True), (400, True)])
def test_work_goes_when_the_days_are_over(project: Project, ended: int, goes: bool) -> None:
    row = old_set(project)
    policy(project.exercise.site, ended=ended)
    assert ages.courses_sweep() == goes
    assert in_trash(row) == goes
    if goes:
        entry = Trash.objects.get()
        assert (entry.kind, entry.reason, entry.deleted_by) == ("project", "course_ended", "")
        assert entry.expires_at > timezone.now() + 13 * DAY
        assert ages.courses_sweep() == 0


def test_what_is_still_worked_on_or_handed_in_stays(project: Project) -> None:
    policy(project.exercise.site, ended=100)
    old, fresh = old_set(project), retained.training_set(project)
    model = retained.model(project)
    assert model.job is not None
    retained.submission(model)
    running = retained.run(project, state="running")
    for row in (model, model.job, running):
        retained.age(row, 100 * DAY)
    assert ages.courses_sweep() == 1
    assert in_trash(old)
    for row in (fresh, model, model.job, running):
        assert not in_trash(row)


def test_what_somebody_restored_is_not_taken_again(project: Project) -> None:
    policy(project.exercise.site, ended=100)
    row = old_set(project)
    ages.courses_sweep()
    trash.trash_restore(entry=Trash.objects.get())
    assert ages.courses_sweep() == 0
    assert not in_trash(row)


def test_other_courses_and_sites_are_left_alone(course: Lms, anna: Caller, project: Project) -> None:
    other = Caller(builders.lms("other"))
    builders.library_set(other.lms.site, "hidden", "hidden-pets")
    other.open()
    mine, theirs = old_set(project), old_set(other.project())
    policy(course.site, ended=100, course="course-v1:Demo+AX2+2026")
    assert ages.courses_sweep() == 0
    policy(other.lms.site, ended=100)
    assert ages.courses_sweep() == 1
    assert in_trash(theirs)
    assert not in_trash(mine)


def test_projects_that_cannot_go_do_not_keep_the_others_waiting(course: Lms, project: Project) -> None:
    policy(course.site, ended=100)
    rows = []
    for n in range(5):
        owner = builders.project(Caller(course, learner=f"l{n}"))
        rows.append(old_set(owner))
        retained.run(owner, state="running", training_set=rows[-1])
    owner = builders.project(Caller(course, learner="free"))
    free = old_set(owner)
    for _ in range(8):
        ages.courses_sweep(limit=1)
    assert in_trash(free)
    assert not any(in_trash(row) for row in rows)


def test_the_command_sets_shows_and_only_counts_when_asked_to(
    course: Lms, project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    old_set(project)
    arguments = ["--site", "campus", "--course", builders.COURSE]
    call_command("course_policy", *arguments, "--ends-on", "2020-01-31", "--retention-days", "30", "--dry-run")
    said = capsys.readouterr().out
    assert "fills 10 MiB of 200 GiB" in said
    assert "goes to the trash now, and for good 14 days later; 1 projects have something that old today" in said
    assert CoursePolicy.objects.count() == 0
    call_command("course_policy", *arguments, "--ends-on", "2099-01-31", "--retention-days", "30")
    assert "goes to the trash on 2099-03-03" in capsys.readouterr().out
    call_command("course_policy", *arguments, "--learner-quota", "1.5GiB", "--course-quota", "0")
    assert "of no limit" in capsys.readouterr().out
    found = CoursePolicy.objects.get()
    assert (found.ends_on, found.retention_days) == (date(2099, 1, 31), 30)
    assert (found.learner_quota_bytes, found.course_quota_bytes) == (int(1.5 * 1024**3), 0)
    call_command("course_policy", *arguments, "--retention-days", "never", "--learner-quota", "default")
    assert "is kept for as long as the course is" in capsys.readouterr().out
    found.refresh_from_db()
    assert (found.retention_days, found.learner_quota_bytes) == (None, None)


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("--ends-on", "31.1.2026", "A day is YYYY-MM-DD"),
        ("--retention-days", "-3", "a whole number of days, or never"),
        ("--learner-quota", "much", "A size is a number"),
        ("--site", "nowhere", "There is no site nowhere. Known are: campus."),
    ],
)
def test_the_command_says_what_is_wrong(course: Lms, option: str, value: str, sentence: str) -> None:
    arguments = {"--site": "campus", "--course": builders.COURSE, option: value}
    with pytest.raises(CommandError, match=sentence):
        call_command("course_policy", *[f"{name}={text}" for name, text in arguments.items()])
    assert CoursePolicy.objects.count() == 0
