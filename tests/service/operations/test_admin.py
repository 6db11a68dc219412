"""The operators' admin: everything can be found, next to nothing can be changed, and what is done is written down."""

from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client, RequestFactory
from django.urls import reverse

from axons_service.compute.models import Pool
from axons_service.grading.models import GradeDelivery, Submission
from axons_service.jobs.models import Attempt, Job
from axons_service.operations.admin_base import NOT_SHOWN, SHOWN_ANYWAY, ReadOnlyAdmin
from axons_service.operations.models import IdempotentAnswer, RateBucket
from axons_service.sites.models import Site, SiteKey
from tests.service import builders
from tests.service.builders import Caller
from tests.service.jobs.conftest import World

pytestmark = pytest.mark.django_db
OURS = [model for model in apps.get_models() if model._meta.app_label.startswith("axons_")]
SECRETS = ("learner", "token_sha256", "jti", "comment", "grader", "options", "handle")


def sign_in(*permissions: str, superuser: bool = False) -> Client:
    user = User.objects.create_user("op", password="op", is_staff=True, is_superuser=superuser)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


def address(model: Any, page: str = "changelist", *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def act(client: Client, model: Any, action: str, *rows: Any) -> Any:
    data = {"action": action, "_selected_action": [row.pk for row in rows]}
    return client.post(address(model), data, follow=True)


@pytest.mark.parametrize("model", OURS, ids=lambda model: model.__name__)
def test_every_model_is_listed_searchable_by_id_and_read_only(model: Any, rf: RequestFactory) -> None:
    found = admin.site._registry.get(model)
    where = f"axons_service/{model.__module__.split('.')[1]}/admin.py"
    assert found is not None, f"{model.__name__} is not in the admin: register a ReadOnlyAdmin in {where}."
    assert isinstance(found, ReadOnlyAdmin), f"{where}: build {model.__name__}'s admin on ReadOnlyAdmin."
    assert any("id" in name or "key" in name for name in found.search_fields), f"{where}: search by id."
    client = sign_in(superuser=True)
    assert client.get(address(model), {"q": "1"}).status_code == 200
    request = rf.get("/")
    request.user = User.objects.get(username="op")
    assert not found.has_add_permission(request)
    assert not found.has_delete_permission(request)
    assert "delete_selected" not in found.get_actions(request)
    assert set(found.editable) <= {"title", "name", "callback_hosts", "origins", "is_active"} | {
        "min_runners",
        "max_runners",
        "idle_seconds",
        "price_per_hour",
        "currency",
        "billing_unit_seconds",
        "start_timeout_seconds",
        "warm_windows",
        "spare_runners",
        "target_wait_seconds",
        "cool_down_seconds",
        "budget_per_day",
    } | {"max_running", "course_minutes", "learner_minutes", "period"} | {
        "learner_quota_bytes",
        "course_quota_bytes",
        "ends_on",
        "retention_days",
    }
    shown = {*found.get_fields(request), *map(str, found.list_display)}
    hidden = {name for name in NOT_SHOWN if (model._meta.model_name, name) not in SHOWN_ANYWAY}
    assert not shown & {*hidden, *SECRETS}


def test_pages_show_neither_people_nor_secrets(world: World) -> None:
    anna = Caller(world.lms)
    Pool.objects.update(options={"pool_token": "very-secret-option"}, token_sha256="f" * 64)
    model = builders.model(world.project)
    world.training()
    claim = world.claim()
    assert claim is not None
    submission = anna.post("/submissions", {"model": str(model.pk)}, key="a-secret-key").json()["id"]
    RateBucket.objects.create(key="learner_read:1:anna", full_at=1)
    client = sign_in(superuser=True)
    rows = [
        world.project,
        world.pool,
        model,
        Submission.objects.get(pk=submission),
        Attempt.objects.get(),
        IdempotentAnswer.objects.get(),
        Site.objects.get(),
        SiteKey.objects.get(),
    ]
    pages = [client.get(address(type(row), "change", row.pk)) for row in rows]
    pages += [client.get(address(model)) for model in OURS]
    for page in pages:
        text = page.content.decode()
        assert page.status_code == 200
        for secret in ("anna", "very-secret-option", "f" * 64, "a-secret-key", claim.attempt.token_sha256):
            assert secret not in text, page.request["PATH_INFO"]


def test_a_list_costs_the_same_for_few_and_for_many_rows(world: World, django_assert_max_num_queries: Any) -> None:
    client = sign_in(superuser=True)

    def costs() -> int:
        with django_assert_max_num_queries(30) as captured:
            client.get(address(Job))
        return len(captured)

    world.training()
    few = costs()
    for _ in range(20):
        world.training()
    assert costs() == few


def test_an_operator_cancels_and_gives_back_jobs_and_it_is_written_down(world: World) -> None:
    client = sign_in("view_job", "change_job")
    waiting, held, over = world.training(dispatch=False), world.training(), world.training()
    Job.objects.filter(pk=over.pk).update(state=Job.State.SUCCEEDED)
    world.claim("training")
    given_back = act(client, Job, "requeue", held, over)
    assert Job.objects.get(pk=held.pk).state in ("queued", "dispatched")
    assert Attempt.objects.get(job=held).outcome == "released"
    assert "Job given back to the queue: 1." in given_back.content.decode()
    act(client, Job, "cancel", waiting, over)
    assert Job.objects.get(pk=waiting.pk).state == "cancelled"
    assert Job.objects.get(pk=over.pk).state == "succeeded"
    written = {(entry.object_id, entry.change_message) for entry in LogEntry.objects.all()}
    assert written == {(str(held.pk), "Job given back to the queue"), (str(waiting.pk), "Job cancelled")}


def test_who_may_only_look_cannot_act(world: World) -> None:
    client = sign_in("view_job", "view_pool")
    job = world.training(dispatch=False)
    act(client, Job, "cancel", job)
    assert Job.objects.get(pk=job.pk).state == "queued"
    assert client.post(address(Pool, "change", world.pool.pk), {"title": "x"}).status_code == 403
    assert client.get(address(Site)).status_code == 403
    assert Client().get(address(Job)).status_code == 302


def test_even_a_superuser_edits_no_job(world: World) -> None:
    client = sign_in(superuser=True)
    job = world.training()
    assert client.post(address(Job, "change", job.pk), {"state": "succeeded"}).status_code == 403
    assert client.post(address(Job, "delete", job.pk), {"post": "yes"}).status_code == 403
    assert client.get(address(Job, "add")).status_code == 403
    assert Job.objects.get(pk=job.pk).state != "succeeded"


def test_limits_of_a_pool_are_an_operators_to_set(world: World) -> None:
    client = sign_in("view_pool", "change_pool")
    values = {"title": "Fast", "min_runners": 1, "max_runners": 4, "idle_seconds": 60, "is_active": "on", "name": "new"}
    values |= {"price_per_hour": "1.8", "currency": "EUR", "billing_unit_seconds": 60, "start_timeout_seconds": 900}
    values |= {"spare_runners": 1, "target_wait_seconds": 30, "cool_down_seconds": 60, "warm_windows": "[]"}
    assert client.post(address(Pool, "change", world.pool.pk), values).status_code == 302
    pool = Pool.objects.get(pk=world.pool.pk)
    assert (pool.name, pool.title, pool.max_runners) == ("cpu", "Fast", 4)
    assert LogEntry.objects.get().object_id == str(pool.pk)


def test_a_dead_delivery_is_tried_again_unless_a_newer_one_exists(world: World) -> None:
    client = sign_in("view_gradedelivery", "change_gradedelivery")
    anna = Caller(world.lms)
    anna.post("/submissions", {"model": str(builders.model(world.project).pk)}, key="k")
    submission = Submission.objects.get()

    def delivery(revision: int) -> GradeDelivery:
        return GradeDelivery.objects.create(
            project=world.project,
            submission=submission,
            revision=revision,
            score=1,
            reason="scored",
            state="dead",
            due_at=submission.created_at,
        )

    old, new = delivery(1), delivery(2)
    act(client, GradeDelivery, "retry", old, new)
    assert [each.state for each in GradeDelivery.objects.order_by("revision")] == ["dead", "due"]
    assert [entry.object_id for entry in LogEntry.objects.all()] == [str(new.pk)]
