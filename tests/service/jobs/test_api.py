"""`/api/v1`: what an XBlock and its browser get."""

from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from axons_service.jobs.models import Event, Job, Model
from axons_service.jobs.selectors import project_jobs
from axons_service.jobs.serializers import jobs_output
from axons_service.jobs.services import event_append
from axons_service.sites.tokens import read_token_mint
from tests.service import builders
from tests.service.builders import Caller
from tests.service.jobs.conftest import World, learner_project, metrics


def training(world: World, **changes: Any) -> dict[str, Any]:
    return {"kind": "training", "training_set": str(world.training_set.pk), "hyperparameters": {"epochs": 3}, **changes}


def test_a_training_is_created_once_per_key(world: World, anna: Caller) -> None:
    first = anna.post("/jobs", training(world), key="k")
    again = anna.post("/jobs", training(world), key="k")
    clash = anna.post("/jobs", training(world, hyperparameters={"epochs": 4}), key="k")
    assert (first.status_code, again.status_code, clash.status_code) == (201, 201, 422)
    assert first.json()["id"] == again.json()["id"]
    assert first.json()["hyperparameters"]["epochs"] == 3
    assert first.json()["hyperparameters"]["architecture"] == "efficientnet_lite0"
    queue = first.json()["queue"]
    assert (queue["position"], queue["eta_seconds"], queue["eta_high_seconds"]) == (1, 0.0, 2.0)
    assert queue["reason"] is None
    assert clash.json()["code"] == "idempotency_mismatch"


def test_a_job_without_a_key_is_refused(world: World, anna: Caller) -> None:
    answer = anna.post("/jobs", training(world))
    assert answer.status_code == 400
    assert not Job.objects.exists()


def test_a_wrong_hyperparameter_gets_a_sentence_with_the_range(world: World, anna: Caller) -> None:
    answer = anna.post("/jobs", training(world, hyperparameters={"learning_rate": 5}), key="k")
    assert answer.status_code == 422
    assert answer.json()["code"] == "hyperparameter_out_of_range"
    assert answer.json()["detail"] == "Learning rate must be between 0.0001 and 0.1. You asked for 5."


@pytest.mark.parametrize("body", [{}, {"kind": "evaluation"}, {"kind": "training"}, {"kind": "inference"}, []])
def test_a_malformed_request_is_400(world: World, anna: Caller, body: Any) -> None:
    assert anna.post("/jobs", body, key="k").status_code == 400


def test_the_hidden_test_set_does_not_exist_for_a_learner(world: World, anna: Caller) -> None:
    answer = anna.post("/jobs", training(world, training_set=str(world.hidden.pk)), key="k")
    assert answer.status_code == 404


def test_inference_wants_a_picture_that_arrived(world: World, anna: Caller) -> None:
    model = builders.model(world.project)
    upload = world.project.uploads.create(
        purpose="prediction", name="me.jpg", content_type="image/jpeg", bytes=3, key="tmp/me"
    )
    body = {"kind": "inference", "model": str(model.pk), "upload": str(upload.pk)}
    missing = anna.post("/jobs", body, key="k")
    assert missing.json()["detail"] == "me.jpg has not arrived. Upload it again."
    world.objects["tmp/me"] = 3
    assert anna.post("/jobs", body, key="k").status_code == 201


def test_another_learners_work_is_404_and_staff_of_the_exercise_may_read_it(
    world: World, anna: Caller, ben: Caller, grader: Caller
) -> None:
    job = world.finish(world.running())
    model = Model.objects.get(job=job)
    inference = world.inference(model)
    world.finish(world.claimed())
    paths = [
        f"/jobs/{job.pk}",
        f"/jobs/{job.pk}/metrics",
        f"/models/{model.pk}",
        f"/predictions/{inference.prediction.pk}",
        f"/projects/{world.project.pk}/events",
    ]
    elsewhere = Caller(world.lms, learner="greta", role="grader", usage=builders.USAGE + "-other")
    learner_project(world.lms, "ben")
    for path in paths:
        assert anna.get(path).status_code == 200, path
        assert ben.get(path).status_code == 404, path
        assert grader.get(path).status_code == 200, path
        assert elsewhere.get(path).status_code == 404, path
    assert ben.post(f"/jobs/{job.pk}/cancel").status_code == 404


def test_staff_may_read_a_job_but_not_cancel_it(world: World, grader: Caller) -> None:
    job = world.training()
    learner_project(world.lms, "greta")
    assert grader.post(f"/jobs/{job.pk}/cancel").status_code == 403


def test_a_cancel_is_202_and_repeats_are_fine(world: World, anna: Caller) -> None:
    job = world.training()
    for _ in range(2):
        answer = anna.post(f"/jobs/{job.pk}/cancel")
        assert (answer.status_code, answer.json()["state"]) == (202, "cancelled")


def test_an_evaluation_shows_nothing_of_the_hidden_test_set(world: World, anna: Caller) -> None:
    job = world.evaluation()
    answer = anna.get(f"/jobs/{job.pk}")
    assert answer.json()["training_set"] is None
    assert str(world.hidden.pk) not in answer.content.decode()


def test_a_read_token_reads_and_changes_nothing(world: World, anna: Caller) -> None:
    from axons_service.sites.callers import Caller as Who
    from axons_service.sites.callers import Role

    job = world.training()
    who = Who(world.lms.site, "anna", Role.LEARNER, builders.COURSE, builders.USAGE)
    headers = {"Authorization": f"Bearer {read_token_mint(who, world.project.pk).token}"}
    client = Client()
    assert client.get(f"/api/v1/jobs/{job.pk}", headers=headers).status_code == 200
    assert client.post(f"/api/v1/jobs/{job.pk}/cancel", headers=headers).status_code in (401, 403)
    other = read_token_mint(who, uuid4())
    headers = {"Authorization": f"Bearer {other.token}"}
    assert client.get(f"/api/v1/jobs/{job.pk}", headers=headers).status_code == 404


def test_a_request_without_credentials_is_401(world: World) -> None:
    job = world.training()
    for path in (f"jobs/{job.pk}", f"jobs/{job.pk}/metrics", f"projects/{world.project.pk}/events"):
        assert Client().get(f"/api/v1/{path}").status_code == 401


def test_events_have_the_shape_of_the_contract(world: World, anna: Caller) -> None:
    claim = world.running()
    page = anna.get(f"/projects/{world.project.pk}/events").json()
    event = page["events"][-1]
    assert set(event) == {"id", "job", "seq", "attempt", "kind", "time", "data"}
    assert (event["job"], event["attempt"], event["kind"]) == (str(claim.job.pk), 1, "metrics")
    assert page["cursor"] == event["id"]


def test_the_poll_goes_on_from_its_cursor_and_is_304_when_nothing_is_new(world: World, anna: Caller) -> None:
    world.running()
    path = f"/projects/{world.project.pk}/events"
    cursor = anna.get(path).json()["cursor"]
    empty = anna.get(path, after=cursor)
    assert empty.json() == {"events": [], "cursor": cursor}
    headers = {"Authorization": f"Bearer {anna.token()}", "If-None-Match": empty["ETag"]}
    same = anna.client.get(f"/api/v1{path}", {"after": cursor}, headers=headers)
    assert (same.status_code, same.content) == (304, b"")
    event_append(project=world.project, job=None, kind="submission", data={})
    headers["Authorization"] = f"Bearer {anna.token()}"
    more = anna.client.get(f"/api/v1{path}", {"after": cursor}, headers=headers)
    assert [event["kind"] for event in more.json()["events"]] == ["submission"]


def test_a_long_history_comes_in_pages(world: World, anna: Caller) -> None:
    for number in range(1203):
        Event.objects.create(project=world.project, kind="log", data={"text": str(number)})
    seen, cursor = [], 0
    while page := anna.get(f"/projects/{world.project.pk}/events", after=cursor).json()["events"]:
        seen += [event["data"]["text"] for event in page]
        cursor = page[-1]["id"]
    assert seen == [str(number) for number in range(1203)]


@pytest.mark.parametrize("after", ["-1", "x", "1.5", str(2**63), "²"])
def test_a_cursor_that_is_none_is_400(world: World, anna: Caller, after: str) -> None:
    assert anna.get(f"/projects/{world.project.pk}/events", after=after).status_code == 400


def test_a_curve_has_at_most_500_points_and_both_ends(world: World, anna: Caller) -> None:
    claim = world.running()
    world.report(claim, 2, *[metrics(step, loss=1 / step) for step in range(2, 1001)])
    world.report(claim, 1001, *[metrics(step, loss=1 / step) for step in range(1001, 1201)])
    series = anna.get(f"/jobs/{claim.job.pk}/metrics").json()
    steps = [point["step"] for point in series["train"]]
    assert len(steps) == 500
    assert (steps[0], steps[-1]) == (1, 1200)
    assert steps == sorted(steps)


def test_the_number_of_queries_does_not_grow_with_the_jobs(world: World) -> None:
    def read() -> int:
        with CaptureQueriesContext(connection) as queries:
            jobs_output(project_jobs(world.project))
        return len(queries)

    world.training()
    few = read()
    for _ in range(20):
        world.training()
    assert read() == few
