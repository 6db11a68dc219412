"""ETags: 304 while nothing changed, on every GET of the document; 412 for a write that builds on something old."""

from typing import Any

import pytest
from django.test import Client

from axons_service.operations import etags
from axons_service.operations.contract import documented
from axons_service.operations.openapi import document
from tests.service import builders
from tests.service.builders import Caller, Lms
from tests.service.jobs.conftest import World

pytestmark = pytest.mark.django_db
STREAMED = {"project_stream"}
# What needs objects in the store has its own test.
BY_OTHER_TESTS = {"hidden_test_set_read", "training_sets_images", "training_sets_leakage", "job_log", "exports_read"}
GETS = sorted(each["operationId"] for _, method, each in documented(document()) if method == "get")


def read(caller: Caller, path: str, **headers: str) -> Any:
    return caller.client.get(f"/api/v1{path}", headers={"Authorization": f"Bearer {caller.token()}", **headers})


@pytest.fixture
def addresses(world: World, author: Caller) -> dict[str, tuple[Caller, str]]:
    """A GET for every operation that reads: who may, and where."""
    anna = Caller(world.lms)
    project = world.project
    model = builders.model(project)
    submission = anna.post("/submissions", {"model": str(model.pk)}, key="k").json()["id"]
    from axons_service.exercises.models import Spec
    from axons_service.jobs.models import Job, Prediction, PredictionBatch
    from axons_service.training_sets.models import TrainingSet

    prediction = Prediction.objects.create(
        job=world.inference(model), model=model, file="a.jpg", probabilities=[], seconds=0.1
    )
    job = world.training()
    many = world.inference(model)
    PredictionBatch.objects.create(job=many)
    Job.objects.filter(pk=many.pk).update(state=Job.State.SUCCEEDED)
    Spec.objects.filter(pk=project.spec_id).update(body={**project.spec.body, "leaderboard": True})
    published = builders.library_set(world.lms.site, "starter", "of-the-course")
    TrainingSet.objects.filter(pk=published.pk).update(course_key=builders.COURSE)
    task = author.post("/desk/tasks", {"kind": "csv"}, key="csv").json()["id"]
    return {
        "desk_submission": (author, f"/submissions/{submission}/desk"),
        "desk_tasks_list": (author, "/desk/tasks"),
        "desk_tasks_read": (author, f"/desk/tasks/{task}"),
        "job": (anna, f"/jobs/{job.pk}"),
        "job_batch": (anna, f"/jobs/{many.pk}/batch"),
        "job_metrics": (anna, f"/jobs/{job.pk}/metrics"),
        "leaderboard": (anna, "/leaderboard"),
        "library": (author, "/library"),
        "model": (anna, f"/models/{model.pk}"),
        "prediction": (anna, f"/predictions/{prediction.pk}"),
        "projects_read": (anna, f"/projects/{project.pk}"),
        "project_events": (anna, f"/projects/{project.pk}/events"),
        "project_jobs": (anna, f"/projects/{project.pk}/jobs"),
        "project_models": (anna, f"/projects/{project.pk}/models"),
        "project_predictions": (anna, f"/projects/{project.pk}/predictions"),
        "project_training_sets": (anna, f"/projects/{project.pk}/training-sets"),
        "leakage_list": (author, "/leakage"),
        "overview": (author, "/overview"),
        "overview_learners": (author, "/overview/learners"),
        "submissions_list": (author, "/submissions"),
        "submissions_read": (anna, f"/submissions/{submission}"),
        "training_sets_report": (anna, f"/training-sets/{world.training_set.pk}/report"),
        "trash_list": (anna, f"/projects/{project.pk}/trash"),
        "uploads_list": (anna, "/uploads"),
        "workshop_publication": (author, f"/workshop/publications/{published.pk}"),
        "training_sets_read": (anna, f"/training-sets/{world.training_set.pk}"),
    }


def test_every_get_has_a_tag_and_answers_304(addresses: dict[str, tuple[Caller, str]]) -> None:
    missing = set(GETS) - set(addresses) - STREAMED - BY_OTHER_TESTS
    assert not missing, f"{missing}: say in `addresses` of this test where this operation reads."
    for name, (caller, path) in addresses.items():
        first = read(caller, path)
        assert first.status_code == 200, (name, first.content)
        tag = first["ETag"]
        assert "private" in first["Cache-Control"], name
        assert "Authorization" in first["Vary"], name
        again = read(caller, path, **{"If-None-Match": f'"other", {tag}'})
        assert (again.status_code, again.content, again["ETag"]) == (304, b"", tag), name
        assert read(caller, path, **{"If-None-Match": '"other"'}).status_code == 200, name


def test_a_change_changes_the_tag(world: World) -> None:
    anna = Caller(world.lms)
    job = world.training()
    before = read(anna, f"/jobs/{job.pk}")
    assert not before["ETag"].startswith("W/")
    world.claim()
    after = read(anna, f"/jobs/{job.pk}", **{"If-None-Match": before["ETag"]})
    assert after.status_code == 200
    assert after["ETag"] != before["ETag"]


def test_links_that_are_signed_anew_make_no_new_answer_until_they_grow_old(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(signature: str, name: str = "a") -> dict[str, str]:
        return {"url": f"https://s3.example.org/{name}?X-Amz-Date=1&X-Amz-Signature={signature}"}

    monkeypatch.setattr(etags.time, "time", lambda: 1_800_000_000.0)
    tag = etags.etag_of(answer("1"))
    assert tag.startswith('W/"')
    assert etags.etag_of(answer("2")) == tag
    assert etags.etag_of(answer("1", "b")) != tag
    monkeypatch.setattr(etags.time, "time", lambda: 1_800_000_000.0 + etags.LINKS_SECONDS)
    assert etags.etag_of(answer("1")) != tag


def test_the_document_itself_is_read_once(client: Client, db: None) -> None:
    first = client.get("/api/v1/schema")
    assert first.json()["openapi"].startswith("3.1")
    assert client.get("/api/v1/schema", headers={"If-None-Match": first["ETag"]}).status_code == 304


def test_a_review_of_something_that_changed_meanwhile_is_refused(course: Lms, anna: Caller, grader: Caller) -> None:
    builders.project(anna)
    model = builders.model(anna.project())
    path = f"/submissions/{anna.post('/submissions', {'model': str(model.pk)}, key='k').json()['id']}"

    def review(comment: str, tag: str) -> Any:
        headers = {"Authorization": f"Bearer {grader.token()}", "Idempotency-Key": comment, "If-Match": tag}
        body = {"comment": comment}
        return grader.client.post(f"/api/v1{path}/reviews", body, content_type="application/json", headers=headers)

    seen = read(grader, path)["ETag"]
    assert review("first", seen).status_code == 201
    stale = review("second", seen)
    assert (stale.status_code, stale.json()["code"]) == (412, "precondition_failed")
    assert [each["comment"] for each in read(grader, path).json()["reviews"]] == ["first"]
    assert review("third", read(grader, path)["ETag"]).status_code == 201
    assert review("fourth", "*").status_code == 201
