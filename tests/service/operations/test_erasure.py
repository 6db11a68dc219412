"""A learner who leaves the LMS leaves nothing here: no row, no object, no name under others' reviews."""

import json
from typing import Any

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.utils import timezone

from axons_service.compute.models import ComputeUse, CourseLimits, Pool
from axons_service.exercises.models import Project
from axons_service.grading.models import GradeDelivery, Review, Submission
from axons_service.jobs.models import Attempt, CourseTurn, Event, Job, LearnerTurn, Model
from axons_service.operations.models import IdempotentAnswer
from axons_service.operations.retention import collect, trash
from axons_service.operations.retention.erasure import learner_erase, learner_hash
from axons_service.storage import keys, objects
from axons_service.storage.models import Erasure, Trash
from axons_service.training_sets.models import TrainingSet, Upload
from tests.service import builders
from tests.service.builders import Caller, Lms
from tests.service.listing import list_keys
from tests.service.operations import retained


@pytest.fixture
def project(course: Lms, anna: Caller) -> Project:
    anna.open()
    return anna.project()


def fill(project: Project) -> Submission:
    """Something of everything, with references in every direction."""
    first = retained.training_set(project)
    second = retained.training_set(project, parent=first)
    model = retained.model(project, retained.run(project, training_set=second))
    inference = retained.run(project, kind="inference", model=model)
    retained.prediction(model, inference)
    retained.checkpoint(inference, 1)
    Attempt.objects.create(job=inference, number=1, token_sha256="0" * 64, lease_expires_at="2026-01-01T00:00Z")
    Event.objects.create(project=project, job=inference, seq=1, kind="log", data={})
    retained.run(project, state="running", training_set=second)
    Upload.objects.create(
        project=project, purpose="prediction", name="a", content_type="image/jpeg", bytes=1, key=f"tmp/{project.pk}"
    )
    trashed = retained.training_set(project)
    trash.trash_put(project=project, kind="training_set", object_id=trashed.pk, by="anna")
    submission = retained.submission(model)
    Review.objects.create(submission=submission, grader="greta", idempotency_key="r")
    GradeDelivery.objects.create(
        project=project, submission=submission, revision=1, score=1, reason="scored", due_at="2026-01-01T00:00Z"
    )
    return submission


def erase(caller: Caller, learner: str) -> Any:
    return caller.post("/learners/erase", {"learner": learner})


@pytest.fixture
def worker(campus: Lms) -> Caller:
    """The LMS's retirement worker."""
    return Caller(campus, learner="retirement", role="site", usage="-")


@pytest.mark.django_db
class TestRows:
    def test_everything_of_the_learner_goes_and_nothing_of_others(
        self, course: Lms, anna: Caller, ben: Caller, worker: Caller, project: Project, monkeypatch: Any
    ) -> None:
        monkeypatch.setattr(objects, "delete", lambda keys, **how: None)
        ben.open()
        fill(project)
        theirs = fill(ben.project())
        Review.objects.create(submission=theirs, grader="anna", idempotency_key="a")
        counts = {model: model.objects.count() for model in (Job, Model, TrainingSet, Submission, Upload, Trash)}
        done = retained.read(erase(worker, "anna"))
        assert done["projects"] == 1
        assert done["rows"] > 15
        assert not Project.objects.filter(learner="anna").exists()
        for model, count in counts.items():
            own = 1 if model is TrainingSet else 0  # the hidden test set
            assert model.objects.count() == (count - own) / 2 + own, model
        assert ben.get(f"/projects/{ben.project().pk}").status_code == 200
        assert set(theirs.reviews.values_list("grader", flat=True)) == {"greta", ""}

    def test_a_repeat_is_fine_and_audited(self, worker: Caller, campus: Lms, project: Project) -> None:
        retained.training_set(project)
        retained.read(erase(worker, "anna"))
        again = retained.read(erase(worker, "anna"))
        assert (again["projects"], again["rows"]) == (0, 0)
        audits = Erasure.objects.order_by("pk")
        assert [audit.projects for audit in audits] == [1, 0]
        assert {audit.learner_hash for audit in audits} == {learner_hash(campus.site, "anna")}
        assert {audit.requested_by for audit in audits} == {"retirement"}
        assert "anna" not in json.dumps(list(audits.values()), default=str)

    def test_only_the_learners_own_site_erases_them(self, worker: Caller, project: Project) -> None:
        elsewhere = Caller(builders.lms("other"), learner="retirement", role="site", usage="-")
        assert retained.read(erase(elsewhere, "anna"))["projects"] == 0
        assert Project.objects.filter(pk=project.pk).exists()

    @pytest.mark.parametrize("role", ["learner", "grader", "author"])
    def test_no_person_of_a_course_erases_anyone(self, campus: Lms, project: Project, role: str) -> None:
        refused = retained.read(erase(Caller(campus, role=role), "anna"), 403)
        assert refused["code"] == "site_only"
        assert Project.objects.filter(pk=project.pk).exists()

    def test_a_sites_token_opens_nothing_else(self, course: Lms, project: Project) -> None:
        caller = Caller(course, role="site")
        assert caller.get(f"/projects/{project.pk}").status_code == 403
        assert caller.open().status_code == 403
        assert caller.post(f"/projects/{project.pk}/trash", {}).status_code == 403
        assert caller.get("/library").status_code == 403

    def test_unsigned_and_malformed_requests_are_refused(self, worker: Caller) -> None:
        assert worker.client.post("/api/v1/learners/erase", {}, content_type="application/json").status_code == 401
        assert worker.post("/learners/erase", {}).status_code == 400
        assert worker.post("/learners/erase", {"learner": ""}).status_code == 400

    def test_a_project_opened_afterwards_is_a_new_one(self, worker: Caller, anna: Caller, project: Project) -> None:
        retained.read(erase(worker, "anna"))
        anna.open()
        assert anna.project().pk != project.pk

    def test_the_command_says_what_it_did(self, campus: Lms, project: Project, capsys: Any) -> None:
        call_command("learner_erase", "--site=campus", "--learner=anna")
        assert capsys.readouterr().out.startswith("1 projects and 1 rows erased")
        with pytest.raises(CommandError, match="There is no site nowhere"):
            call_command("learner_erase", "--site=nowhere", "--learner=anna")


def test_no_other_table_knows_a_learner() -> None:
    """A model with a learner's id that erasure does not know would keep it for ever: teach `learner_erase` first."""
    names = ("learner", "grader", "deleted_by", "actor", "locked_by")
    found = {
        f"{model.__name__}.{field.name}"
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if field.name in names and not field.is_relation
    }
    assert found == {
        "AuditEntry.actor",
        "ComputeUse.learner",
        "DeskLink.grader",
        "DeskTask.grader",
        "IdempotentAnswer.learner",
        "LearnerTurn.learner",
        "Project.learner",
        "Review.grader",
        "Submission.locked_by",
        "Trash.deleted_by",
    }


@pytest.mark.django_db
def test_answers_turns_and_used_minutes_of_a_learner_go_too(course: Lms, anna: Caller, ben: Caller) -> None:
    for caller in (anna, ben):
        caller.open()
        limits, _ = CourseLimits.objects.get_or_create(site=course.site, course_key=builders.COURSE)
        IdempotentAnswer.objects.create(
            site=course.site, learner=caller.learner, operation="o", key="k", request_sha256="0" * 64, status=201
        )  # fmt: skip
        ComputeUse.objects.create(limits=limits, learner=caller.learner, day=timezone.now().date(), seconds=5)
        turn, _ = CourseTurn.objects.get_or_create(pool=Pool.objects.get(), kind="training", limits=limits)
        LearnerTurn.objects.create(course_turn=turn, learner=caller.learner)
    learner_erase(site=course.site, learner=anna.learner, requested_by="lms")
    for model in (IdempotentAnswer, ComputeUse, LearnerTurn):
        assert [row.learner for row in model.objects.all()] == [ben.learner]


@pytest.mark.django_db(transaction=True)
@pytest.mark.needs_s3
def test_the_objects_go_too(store: Any, course: Lms, anna: Caller, ben: Caller) -> None:
    objects.delete(list_keys(""))
    anna.open()
    ben.open()
    prefix = keys.project_prefix(anna.project())
    retained.stored_set(anna.project(), retained.pictures("one", "two"))
    retained.stored_set(ben.project(), retained.pictures("one"))
    model = retained.model(anna.project())
    retained.submission(model)
    objects.put_bytes(f"{keys.model_prefix(model)}model.safetensors", b"x", "application/octet-stream")
    upload = Upload.objects.create(
        project=anna.project(), purpose="prediction", name="a", content_type="image/jpeg", bytes=1, key="tmp/a/b/file"
    )
    objects.put_bytes(upload.key, b"x", "image/jpeg")
    theirs = retained.stored(keys.project_prefix(ben.project()))
    learner_erase(site=course.site, learner="anna", requested_by="retirement")
    assert not objects.exists(upload.key)
    collect.deletions_drain()
    assert retained.stored(prefix) == []
    assert retained.stored(keys.project_prefix(ben.project())) == theirs
