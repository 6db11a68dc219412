"""The operators' page shows what stands still, asks before it does something, and writes down who did it."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from axons_service.compute import fleet
from axons_service.compute.models import MachineUse, Pool, Runner
from axons_service.grading.models import GradeDelivery, Submission
from axons_service.jobs.models import Attempt, Job
from axons_service.operations.dead_letters import DeadLetter, NoDeadLetters
from axons_service.operations.page import actions, overview
from tests.service import builders
from tests.service.builders import Caller
from tests.service.jobs.conftest import World

pytestmark = pytest.mark.django_db
LOOK = ("view_job", "view_pool", "view_runner")
LETTER = DeadLetter("letter-1", "axons_service.jobs.tasks.dispatch_job", "control", "delivery_limit", 6, timezone.now())


@pytest.fixture
def letters(monkeypatch: pytest.MonkeyPatch) -> list[DeadLetter]:
    """The dead letters of a broker that keeps some."""
    kept: list[DeadLetter] = [LETTER]

    def take(wanted: Any) -> list[DeadLetter]:
        taken = [each for each in kept if wanted(each)]
        for each in taken:
            kept.remove(each)
        return taken

    for module in (overview, actions):
        monkeypatch.setattr(module, "dead_letters", lambda: list(kept))
    monkeypatch.setattr(actions, "dead_letters_replay", take)
    monkeypatch.setattr(actions, "dead_letters_drop", take)
    return kept


def sign_in(*permissions: str) -> Client:
    user = User.objects.create_user("op", password="op", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


def look(client: Client) -> str:
    answer = client.get(reverse("operations"))
    assert answer.status_code == 200
    return str(answer.content.decode())


def act(client: Client, name: str, pk: object, *, confirmed: bool = True, follow: bool = True) -> Any:
    data = {"id": str(pk), **({"confirmed": "yes"} if confirmed else {})}
    return client.post(reverse("operations-act", args=[name]), data, follow=follow)


def stuck(world: World) -> Job:
    job = world.training(dispatch=False)
    Job.objects.filter(pk=job.pk).update(created_at=timezone.now() - timedelta(minutes=11))
    return job


def dead_grade(world: World) -> GradeDelivery:
    anna = Caller(world.lms)
    anna.post("/submissions", {"model": str(builders.model(world.project).pk)}, key="k")
    submission = Submission.objects.get()
    return GradeDelivery.objects.create(
        project=world.project, submission=submission, revision=1, score=1, reason="scored", state="dead",
        due_at=submission.created_at, last_error="The LMS answered 404.",
    )  # fmt: skip


def test_the_page_shows_what_stands_still_and_nobodys_name(world: World, letters: list[DeadLetter]) -> None:
    waits, fresh = stuck(world), world.training(dispatch=False)
    grade = dead_grade(world)
    Pool.objects.update(scaling_reason="2 jobs wait.", provider_error="The quota is used up.", budget_per_day=10)
    MachineUse.objects.create(
        pool=world.pool, runner_name="r", handle={}, handle_sha256="1", price_per_hour=60, currency="EUR",
        billed_from=timezone.now() - timedelta(seconds=30),
    )  # fmt: skip
    text = look(sign_in(*LOOK))
    assert str(waits.pk) in text
    assert str(fresh.pk) not in text
    for words in ("2 jobs wait.", "The quota is used up.", "The LMS answered 404.", LETTER.task, world.runner.name):
        assert words in text
    assert f"Grade {grade.pk}" in text
    assert "of 10.00" in text
    assert "anna" not in text
    assert "<button" not in text.split('class="axons-page"')[1], "who may only look has nothing to press"


def test_a_job_that_runs_is_stuck_when_its_work_does_not_get_on(world: World) -> None:
    world.training()
    claim = world.claim()
    assert claim is not None
    now = timezone.now()
    Attempt.objects.create(job=claim.job, number=9, token_sha256="", lease_expires_at=now, ended_at=now, outcome="lost")
    long_ago = now - timedelta(minutes=4)
    Attempt.objects.filter(number=9).update(started_at=long_ago)
    assert overview.jobs_stuck(now).rows == [], "only the attempt that lives counts"
    Attempt.objects.filter(pk=claim.attempt.pk).update(started_at=long_ago, progressed_at=now)
    assert overview.jobs_stuck(now).rows == []
    Attempt.objects.filter(pk=claim.attempt.pk).update(progressed_at=long_ago)
    (row,) = overview.jobs_stuck(now).rows
    assert (row.job.pk, row.since) == (claim.job.pk, long_ago)


def test_an_action_asks_first_and_is_written_down(world: World) -> None:
    client = sign_in(*LOOK, "change_job")
    job = stuck(world)
    asked = act(client, "cancel", job.pk, confirmed=False)
    assert actions.ACTIONS["cancel"].warning in asked.content.decode()
    assert Job.objects.get(pk=job.pk).state == "queued"
    assert LogEntry.objects.count() == 0
    done = act(client, "cancel", job.pk)
    assert Job.objects.get(pk=job.pk).state == "cancelled"
    assert f"Job cancelled: Job {job.pk}." in done.content.decode()
    entry = LogEntry.objects.get()
    assert (entry.object_id, entry.change_message, entry.user.username) == (str(job.pk), "Job cancelled", "op")
    again = act(client, "cancel", job.pk)
    assert "nothing to do in its state" in again.content.decode()
    assert LogEntry.objects.count() == 1


def test_a_held_job_is_given_back(world: World) -> None:
    client = sign_in(*LOOK, "change_job")
    job = world.training()
    world.claim()
    act(client, "retry", job.pk)
    assert Job.objects.get(pk=job.pk).state in ("queued", "dispatched")
    assert Attempt.objects.get(job=job).outcome == "released"


def test_a_machine_is_stopped_and_one_that_a_person_started_is_not(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = sign_in(*LOOK, "change_runner")
    stopped: list[Any] = []
    Pool.objects.update(provider="static")
    assert 'action="/admin/operations/stop/"' not in look(client)
    assert "nothing to do" in act(client, "stop", world.runner.pk).content.decode()
    Pool.objects.update(provider="kubernetes", options={"image": "x:1", "service_url": "http://x", "token_secret": "t"})
    Runner.objects.update(handle={"name": "axons-r", "namespace": "axons", "uid": "1"})
    assert 'action="/admin/operations/stop/"' in look(client)
    monkeypatch.setattr(
        fleet, "_stop", lambda pool, provider, stops: stopped.extend(machine.name for machine, _ in stops)
    )
    act(client, "stop", world.runner.pk)
    assert Runner.objects.get(pk=world.runner.pk).state == "stopping"
    assert stopped == [world.runner.name]
    assert "nothing to do" in act(client, "stop", world.runner.pk).content.decode()
    assert stopped == [world.runner.name]


def test_a_dead_grade_is_sent_again_or_dropped(world: World) -> None:
    client = sign_in(*LOOK, "change_gradedelivery")
    grade = dead_grade(world)
    act(client, "grade_replay", grade.pk)
    assert GradeDelivery.objects.get().state == "due"
    GradeDelivery.objects.update(state="dead")
    act(client, "grade_drop", grade.pk)
    assert GradeDelivery.objects.get().state == "superseded"
    assert [entry.change_message for entry in LogEntry.objects.order_by("pk")] == [
        "Delivery retried",
        "Delivery dropped",
    ]


@pytest.mark.parametrize("name", ["task_replay", "task_drop"])
def test_a_dead_task_is_sent_again_or_dropped(world: World, letters: list[DeadLetter], name: str) -> None:
    client = sign_in(*LOOK, "change_job")
    act(client, name, LETTER.id, confirmed=False)
    assert letters == [LETTER]
    act(client, name, LETTER.id)
    assert letters == []
    entry = LogEntry.objects.get()
    assert (entry.content_type, entry.object_id, entry.object_repr) == (None, LETTER.id, LETTER.task)
    assert "not there any more" in act(client, name, LETTER.id).content.decode()


@pytest.mark.parametrize("name", sorted(actions.ACTIONS))
def test_who_may_only_look_cannot_act(world: World, letters: list[DeadLetter], name: str) -> None:
    client = sign_in(*LOOK)
    assert act(client, name, stuck(world).pk).status_code == 403
    assert Job.objects.get().state == "queued"
    assert LogEntry.objects.count() == 0


def test_who_may_not_look_sees_nothing(world: World) -> None:
    assert sign_in("view_job").get(reverse("operations")).status_code == 403
    anonymous = Client().get(reverse("operations"))
    assert (anonymous.status_code, anonymous.headers["Location"]) == (302, "/admin/login/?next=/admin/operations/")
    assert act(Client(), "cancel", stuck(world).pk, follow=False).status_code == 302
    assert Job.objects.get().state == "queued"


@pytest.mark.parametrize("pk", ["", "no-id", "0b5cf2a4-8ad5-4a51-9d77-0c1d2e3f4a5b"])
def test_what_is_not_there_is_told(world: World, pk: str) -> None:
    client = sign_in(*LOOK, "change_job", "change_runner")
    assert "not there any more" in act(client, "cancel", pk).content.decode()
    assert "not there any more" in act(client, "stop", pk).content.decode()
    assert act(client, "explode", pk).status_code == 404
    assert client.get(reverse("operations-act", args=["cancel"])).status_code == 405


def test_a_form_of_another_site_does_nothing(world: World) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_superuser("root"))
    job = stuck(world)
    assert act(client, "cancel", job.pk).status_code == 403
    assert Job.objects.get(pk=job.pk).state == "queued"


@pytest.mark.parametrize(
    ("error", "words"), [(ConnectionError(), "The broker does not answer"), (NoDeadLetters(), "keeps no dead letters")]
)
def test_a_broker_that_is_away_leaves_the_rest(
    world: World, monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    def away() -> Any:
        raise error

    job = stuck(world)
    monkeypatch.setattr(overview, "dead_letters", away)
    if isinstance(error, ConnectionError):
        monkeypatch.setattr(overview, "queue_depths", away)
        monkeypatch.setattr(actions, "dead_letters", away)
    text = look(sign_in(*LOOK, "change_job"))
    assert words in text
    assert str(job.pk) in text
    if isinstance(error, ConnectionError):
        assert "nothing is dispatched" in text
        client = Client()
        client.force_login(User.objects.get(username="op"))
        assert "Nothing was changed" in act(client, "task_drop", "x").content.decode()


def test_it_costs_the_same_for_few_and_for_many(world: World, django_assert_max_num_queries: Any) -> None:
    client = sign_in(*LOOK, "change_job", "change_runner", "change_gradedelivery")
    dead_grade(world)

    def costs() -> int:
        with django_assert_max_num_queries(30) as captured:
            look(client)
        return len(captured)

    stuck(world)
    few = costs()
    for number in range(20):
        stuck(world)
        pool = Pool.objects.create(name=f"p{number}", title="", provider="static", token_sha256="")
        Runner.objects.create(pool=pool, name="r", state="active")
    assert costs() == few


def test_long_tables_say_how_much_they_leave_out(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overview, "SHOWN", 2)
    for _ in range(5):
        stuck(world)
    found = overview.jobs_stuck(timezone.now())
    assert (len(found.rows), found.left_out) == (2, 3)
    assert "3 more." in look(sign_in(*LOOK))
