"""What a learner deletes is hidden, comes back, and is gone only after 14 days or by their own word."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from axons_service.exercises.models import Project
from axons_service.jobs.models import Job, Model
from axons_service.jobs.services import job_create
from axons_service.operations.problems import Problem
from axons_service.operations.retention import trash, uses
from axons_service.storage.models import Deletion, Trash
from axons_service.training_sets.models import TrainingSet
from tests.service import builders
from tests.service.builders import Caller, Lms
from tests.service.operations import retained

pytestmark = pytest.mark.django_db


@pytest.fixture
def project(course: Lms, anna: Caller) -> Project:
    anna.open()
    return anna.project()


def put(caller: Caller, project: Project, kind: str, row: Any) -> Any:
    return caller.post(f"/projects/{project.pk}/trash", {"kind": kind, "object": str(row.pk)})


def shown(caller: Caller, project: Project) -> dict[str, list[str]]:
    state = caller.get(f"/projects/{project.pk}").json()
    return {name: [each["id"] for each in state[name]] for name in ("training_sets", "jobs", "models", "predictions")}


def test_what_is_deleted_leaves_the_page_and_undo_brings_it_back(anna: Caller, project: Project) -> None:
    kept, gone = retained.training_set(project), retained.training_set(project)
    entry = retained.read(put(anna, project, "training_set", gone), 201)
    assert shown(anna, project)["training_sets"] == [str(kept.pk)]
    assert entry["state"] == "in_trash"
    assert entry["bytes"] == 10 * retained.MIB
    assert entry["by_learner"] is True
    left = timezone.datetime.fromisoformat(entry["expires_at"]) - timezone.now()  # type: ignore[attr-defined]
    assert timedelta(days=13, hours=23) < left <= timedelta(days=14)
    assert retained.read(anna.get(f"/projects/{project.pk}/trash")) == {"entries": [entry], "next": None}
    restored = retained.read(anna.post(f"/projects/{project.pk}/trash/{entry['id']}/restore"))
    assert restored["state"] == "restored"
    assert shown(anna, project)["training_sets"] == [str(gone.pk), str(kept.pk)]
    assert anna.get(f"/projects/{project.pk}/trash").json()["entries"] == []


def test_a_run_takes_its_model_and_keeps_the_numbers_of_the_others(anna: Caller, project: Project) -> None:
    first, second = retained.run(project), retained.run(project)
    model = retained.model(project, first)
    checkpoint = retained.checkpoint(first, 1, size=100)
    entry = retained.read(put(anna, project, "job", first), 201)
    assert entry["title"] == "Run 1"
    assert entry["bytes"] == model.stored_bytes + checkpoint.bytes
    assert shown(anna, project) == {"training_sets": [], "jobs": [str(second.pk)], "models": [], "predictions": []}
    assert anna.get(f"/projects/{project.pk}").json()["runs"] == [str(first.pk), str(second.pk)]
    anna.post(f"/projects/{project.pk}/trash/{entry['id']}/restore")
    assert shown(anna, project)["models"] == [str(model.pk)]


def test_a_tried_picture_goes_with_its_job(anna: Caller, project: Project) -> None:
    model = retained.model(project)
    job = retained.run(project, kind="inference", model=model)
    retained.prediction(model, job)
    entry = retained.read(put(anna, project, "job", job), 201)
    assert shown(anna, project)["predictions"] == []
    retained.read(anna.post(f"/projects/{project.pk}/trash/{entry['id']}/delete"))
    assert shown(anna, project)["models"] == [str(model.pk)]


def test_every_open_page_hears_of_it(anna: Caller, project: Project) -> None:
    model = retained.model(project)
    entry = retained.read(put(anna, project, "model", model), 201)
    for act in ("restore", "restore"):
        anna.post(f"/projects/{project.pk}/trash/{entry['id']}/{act}")
    events = anna.get(f"/projects/{project.pk}/events", after=0).json()["events"]
    assert [(event["kind"], event["data"]["entry"]["state"]) for event in events] == [
        ("trash", "in_trash"),
        ("trash", "restored"),
    ]


def test_many_things_are_looked_for_in_one_folder(project: Project) -> None:
    for _ in range(trash.MANY + 1):
        retained.model(project)
    entry = trash.trash_put(project=project, kind="project", object_id=project.pk, by="anna")[0]
    trash.trash_purge(entry=entry)
    base = f"sites/{project.exercise.site_id}/projects/{project.pk}"
    assert set(Deletion.objects.values_list("prefix", flat=True)) == {f"{base}/jobs/", f"{base}/models/"}


def test_the_same_deletion_twice_is_one(anna: Caller, project: Project) -> None:
    model = retained.model(project)
    first = retained.read(put(anna, project, "model", model), 201)
    assert retained.read(put(anna, project, "model", model), 200) == first
    assert Trash.objects.count() == 1


def test_restoring_twice_and_deleting_twice_are_fine(anna: Caller, project: Project) -> None:
    model = retained.model(project)
    entry = retained.read(put(anna, project, "model", model), 201)
    path = f"/projects/{project.pk}/trash/{entry['id']}"
    assert retained.read(anna.post(f"{path}/restore")) == retained.read(anna.post(f"{path}/restore"))
    assert retained.read(anna.post(f"{path}/delete"), 409)["code"] == "trash_restored"
    again = retained.read(put(anna, project, "model", model), 201)
    path = f"/projects/{project.pk}/trash/{again['id']}"
    assert retained.read(anna.post(f"{path}/delete")) == retained.read(anna.post(f"{path}/delete"))
    gone = retained.read(anna.post(f"{path}/restore"), 410)
    assert gone["code"] == "trash_gone"
    assert "“Model 1” was deleted for good on" in gone["detail"]


@pytest.mark.parametrize("kind", ["training_set", "job", "model"])
def test_what_was_handed_in_stays_and_the_sentence_says_why(anna: Caller, project: Project, kind: str) -> None:
    training_set = retained.training_set(project)
    job = retained.run(project, training_set=training_set)
    model = retained.model(project, job)
    retained.submission(model)
    row = {"training_set": training_set, "job": job, "model": model}[kind]
    refused = retained.read(put(anna, project, kind, row), 409)
    assert refused["code"] == "in_use"
    assert "handed in" in refused["detail"]
    assert Trash.objects.count() == 0


def test_the_evaluation_of_a_submission_stays(anna: Caller, project: Project) -> None:
    submission = retained.submission(retained.model(project))
    assert retained.read(put(anna, project, "job", submission.job), 409)["detail"] == uses.SCORED_JOB


@pytest.mark.parametrize("state", ["queued", "dispatched", "preparing", "running", "finishing"])
def test_nothing_that_a_living_job_uses_can_be_deleted(anna: Caller, project: Project, state: str) -> None:
    training_set, model = retained.training_set(project), retained.model(project)
    job = retained.run(project, state=state, training_set=training_set)
    retained.run(project, state=state, kind="inference", model=model)
    assert retained.read(put(anna, project, "job", job), 409)["detail"] == uses.LIVE_JOB
    assert retained.read(put(anna, project, "training_set", training_set), 409)["detail"] == uses.LIVE_ON_SET
    assert retained.read(put(anna, project, "model", model), 409)["detail"] == uses.LIVE_ON_MODEL
    assert retained.read(put(anna, project, "project", project), 409)["code"] == "in_use"


def test_a_set_in_the_making_and_its_parent_cannot_be_deleted(anna: Caller, project: Project) -> None:
    parent = retained.training_set(project)
    child = retained.training_set(project, parent=parent, state="preparing")
    assert retained.read(put(anna, project, "training_set", child), 409)["detail"] == uses.PREPARING
    assert retained.read(put(anna, project, "training_set", parent), 409)["detail"] == uses.PARENT


def test_a_whole_project_goes_but_for_what_was_handed_in(anna: Caller, project: Project) -> None:
    handed_in, free, training_set = retained.model(project), retained.model(project), retained.training_set(project)
    retained.submission(handed_in)
    entry = retained.read(put(anna, project, "project", project), 201)
    after = shown(anna, project)
    assert after["models"] == [str(handed_in.pk)]
    assert after["training_sets"] == []
    assert str(free.job_id) not in after["jobs"]
    assert retained.read(put(anna, project, "project", project), 200)["id"] == entry["id"]
    anna.post(f"/projects/{project.pk}/trash/{entry['id']}/restore")
    assert shown(anna, project)["training_sets"] == [str(training_set.pk)]
    assert set(shown(anna, project)["models"]) == {str(handed_in.pk), str(free.pk)}


def test_an_empty_project_has_nothing_to_delete(anna: Caller, project: Project) -> None:
    assert retained.read(put(anna, project, "project", project), 409)["code"] == "nothing_to_delete"


def test_nobody_else_reaches_into_a_trash_but_staff_of_the_exercise(
    course: Lms, anna: Caller, ben: Caller, grader: Caller, project: Project
) -> None:
    model = retained.model(project)
    ben.open()
    elsewhere = Caller(course, learner="greta", role="grader", usage="block-v1:Demo+AX1+2026+type@axons+block@two")
    elsewhere.open()
    stranger = Caller(builders.lms("other"), role="author")
    for caller in (ben, elsewhere, stranger):
        assert put(caller, project, "model", model).status_code == 404
    assert put(ben, ben.project(), "model", model).status_code == 404
    entry = retained.read(put(grader, project, "model", model), 201)
    assert entry["by_learner"] is False
    for caller in (ben, elsewhere, stranger):
        assert caller.get(f"/projects/{project.pk}/trash").status_code == 404
        for act in ("restore", "delete"):
            assert caller.post(f"/projects/{project.pk}/trash/{entry['id']}/{act}").status_code == 404
    assert ben.post(f"/projects/{ben.project().pk}/trash/{entry['id']}/delete").status_code == 404
    assert retained.read(anna.post(f"/projects/{project.pk}/trash/{entry['id']}/restore"))["state"] == "restored"


def test_a_browsers_token_looks_and_does_not_touch(anna: Caller, project: Project) -> None:
    model = retained.model(project)
    token = anna.open().json()["read_token"]
    headers = {"Authorization": f"Bearer {token}"}
    path = f"/api/v1/projects/{project.pk}/trash"
    assert anna.client.get(path, headers=headers).status_code == 200
    body = {"kind": "model", "object": str(model.pk)}
    assert anna.client.post(path, body, content_type="application/json", headers=headers).status_code == 403
    assert Trash.objects.count() == 0


@pytest.mark.parametrize(
    "body",
    [{}, {"kind": "model"}, {"kind": "site", "object": str(uuid4())}, {"kind": "model", "object": "x"}, []],
)
def test_a_malformed_deletion_is_refused(anna: Caller, project: Project, body: Any) -> None:
    assert anna.post(f"/projects/{project.pk}/trash", body).status_code == 400


def test_library_things_are_not_a_learners_to_delete(course: Lms, anna: Caller, project: Project) -> None:
    starter = builders.library_set(course.site, "starter", "pets")
    supplied = Model.objects.create(
        site=course.site, source="supplied", name="m", title="M", architecture="small_cnn", classes=[]
    )
    assert put(anna, project, "training_set", starter).status_code == 404
    assert put(anna, project, "model", supplied).status_code == 404
    assert put(anna, project, "project", starter).status_code == 404


def test_the_trash_is_paged_and_costs_the_same_for_many(
    anna: Caller, project: Project, django_assert_num_queries: Any, django_assert_max_num_queries: Any
) -> None:
    for _ in range(60):
        trash.trash_put(project=project, kind="training_set", object_id=retained.training_set(project).pk, by="anna")
    first = retained.read(anna.get(f"/projects/{project.pk}/trash"))
    assert len(first["entries"]) == 50
    second = retained.read(anna.get(f"/projects/{project.pk}/trash", cursor=first["next"]))
    assert len(second["entries"]) == 10
    assert second["next"] is None
    ids = [each["id"] for each in first["entries"] + second["entries"]]
    assert len(set(ids)) == 60
    assert anna.get(f"/projects/{project.pk}/trash", cursor="nonsense").status_code == 400
    with django_assert_max_num_queries(4):
        anna.get(f"/projects/{project.pk}/trash")


def test_what_is_in_the_trash_is_not_used_for_anything_new(anna: Caller, project: Project) -> None:
    training_set, model = retained.training_set(project), retained.model(project)
    put(anna, project, "training_set", training_set)
    put(anna, project, "model", model)
    body = {"kind": "training", "training_set": str(training_set.pk), "hyperparameters": {}}
    assert retained.read(anna.post("/jobs", body, key="k1"), 409)["code"] == "in_trash"
    body = {"base": str(training_set.pk), "exclusions": ["0" * 64]}
    assert retained.read(anna.post("/training-sets", body, key="k2"), 409)["code"] == "in_trash"
    assert retained.read(anna.post("/submissions", {"model": str(model.pk)}, key="k3"), 409)["code"] == "in_trash"
    assert Job.objects.filter(kind="evaluation").count() == 0


def test_after_14_days_the_rows_are_emptied_and_the_objects_queued(project: Project) -> None:
    job = retained.run(project)
    model = retained.model(project, job)
    training_set = retained.training_set(project, report=[{"file": "me.jpg"}])
    fresh = trash.trash_put(project=project, kind="training_set", object_id=training_set.pk, by="anna")[0]
    old = trash.trash_put(project=project, kind="job", object_id=job.pk, by="anna")[0]
    Trash.objects.filter(pk=old.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert trash.trash_expire() == 1
    assert trash.trash_expire() == 0
    model.refresh_from_db()
    assert model.purged_at is not None
    assert (model.stored_bytes, model.files) == (0, [])
    prefixes = set(Deletion.objects.values_list("prefix", flat=True))
    base = f"sites/{project.exercise.site_id}/projects/{project.pk}"
    assert prefixes == {f"{base}/jobs/{job.pk}/", f"{base}/models/{model.pk}/"}
    fresh.refresh_from_db()
    assert fresh.purged_at is None


def test_what_came_into_use_while_in_the_trash_is_never_given_up(project: Project) -> None:
    """The request that uses it and the deletion may cross: whoever is second must see the first."""
    model = retained.model(project)
    entry = trash.trash_put(project=project, kind="model", object_id=model.pk, by="anna")[0]
    retained.submission(model)
    trash.trash_purge(entry=entry)
    model.refresh_from_db()
    assert model.purged_at is None
    assert model.trash is None
    assert Deletion.objects.count() == 0


def test_a_job_looks_for_the_trash_under_the_lock(project: Project) -> None:
    """The check before the transaction may have seen the set as it was."""
    training_set = retained.training_set(project)
    seen = TrainingSet.objects.get(pk=training_set.pk)
    trash.trash_put(project=project, kind="training_set", object_id=training_set.pk, by="anna")
    with pytest.raises(Problem, match="in the trash"):
        job_create(
            project=project,
            kind="training",
            idempotency_key="k",
            request_sha256="0" * 64,
            training_set=seen,
        )


def test_the_pictures_of_a_deleted_set_vanish_from_the_mistakes_and_the_model_stays(
    anna: Caller, project: Project
) -> None:
    training_set = retained.training_set(project, manifest_key="nowhere", manifest_sha256="0" * 64)
    metrics = {"validation": {"accuracy": 0.5, "mistakes": [{"sha256": "ab", "label": "cat"}]}}
    model = retained.model(project, retained.run(project, training_set=training_set), metrics=metrics)
    entry = trash.trash_put(project=project, kind="training_set", object_id=training_set.pk, by="anna")[0]
    trash.trash_purge(entry=entry)
    state = retained.read(anna.get(f"/projects/{project.pk}"))
    assert state["models"][0]["id"] == str(model.pk)
    assert state["models"][0]["metrics"]["validation"]["mistakes"][0]["url"] is None
    assert anna.get(f"/training-sets/{training_set.pk}").status_code == 404


def test_shards_that_a_later_version_holds_still_count(project: Project) -> None:
    first = retained.training_set(project)
    folder = f"sites/{project.exercise.site_id}/projects/{project.pk}/training-sets/{first.pk}/"
    shards = [{"key": f"{folder}shards/a.tar", "bytes": 3}, {"key": f"{folder}shards/b.tar", "bytes": 4}]
    TrainingSet.objects.filter(pk=first.pk).update(shards=shards, stored_bytes=14)
    second = retained.training_set(project, parent=first, shards=shards[:1], stored_bytes=0)
    for row, expected in ((first, 6), (second, 0)):
        entry = trash.trash_put(project=project, kind="training_set", object_id=row.pk, by="anna")[0]
        trash.trash_purge(entry=entry)
        first.refresh_from_db()
        assert first.stored_bytes == expected
