"""Pictures of the hidden test set in a training set: found, told to staff, and to nobody else."""

import json
from pathlib import Path
from typing import Any

import pytest
import requests

from axons_service.jobs.models import Event
from axons_service.training_sets.exports import export_build
from axons_service.training_sets.library import library_set_import
from axons_service.training_sets.manifests import manifest_read
from axons_service.training_sets.models import LeakageCheck, TrainingSet
from tests.service import builders
from tests.service.builders import Caller, Lms
from tests.service.training_sets import pictures_made as made
from tests.service.training_sets import sets_made
from tests.service.training_sets.test_prepare import folder

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.needs_s3]


@pytest.fixture
def hidden(store: Any, course: Lms, tmp_path: Path) -> TrainingSet:
    """Pictures made with the seeds 500 to 504 (cats) and 550 to 554 (dogs)."""
    path = folder(tmp_path / "hidden", role="hidden", name="secret-pets", start=500)
    return library_set_import(site=course.site, folder=path)[0]


@pytest.fixture
def leaky(hidden: TrainingSet, anna: Caller) -> TrainingSet:
    anna.open(builders.spec(hidden_test_set="secret-pets"))
    near = made.encoded(made.photo(551).resize((60, 45)), quality=80)
    clean = [(f"{n}.jpg", made.jpeg(n), builders.CLASSES[n % 2]) for n in range(10)]
    return sets_made.prepared(
        sets_made.asked(anna, [*clean, ("same.jpg", made.jpeg(500), "cat"), ("near.jpg", near, "dog")])
    )


def test_exact_and_near_matches_are_told_to_staff(leaky: TrainingSet, anna: Caller, grader: Caller) -> None:
    answer = grader.get(f"/training-sets/{leaky.pk}/leakage").json()
    assert (answer["exact"], answer["near"], answer["image_count"], answer["learner"]) == (1, 1, 12, "anna")
    assert [(each["name"], each["kind"], each["hidden_name"]) for each in answer["matches"]] == [
        ("same.jpg", "exact", "cat0.jpg"),
        ("near.jpg", "near", "dog1.jpg"),
    ]
    got = requests.get(answer["matches"][0]["url"], timeout=10)
    assert builders.sha256(got.content) == answer["matches"][0]["sha256"]
    listed = grader.get("/leakage").json()
    assert ([each["training_set"] for each in listed["results"]], listed["next"]) == ([str(leaky.pk)], None)
    clean = sets_made.asked(
        anna, [(f"c{n}.jpg", made.jpeg(50 + n), builders.CLASSES[n % 2]) for n in range(4)], key="clean"
    )
    sets_made.prepared(clean)
    assert grader.get(f"/training-sets/{clean}/leakage").json()["matches"] == []
    assert len(grader.get("/leakage").json()["results"]) == 1


def test_staff_of_another_exercise_see_nothing_of_it(leaky: TrainingSet, campus: Lms) -> None:
    elsewhere = Caller(campus, learner="greta", role="grader", usage=builders.USAGE + "-two")
    assert elsewhere.get("/leakage").json()["results"] == []
    assert elsewhere.get(f"/training-sets/{leaky.pk}/leakage").status_code == 404
    other_site = Caller(builders.lms("other"), learner="greta", role="grader")
    assert other_site.get("/leakage").json()["results"] == []


def test_no_answer_to_a_learner_says_anything_of_it(
    leaky: TrainingSet, hidden: TrainingSet, anna: Caller, grader: Caller
) -> None:
    opened = anna.open(builders.spec(hidden_test_set="secret-pets")).json()
    project, token = opened["project"]["id"], opened["read_token"]
    export = anna.post(f"/training-sets/{leaky.pk}/exports").json()
    export_build(export_id=export["id"])
    paths = [
        f"/projects/{project}",
        f"/projects/{project}/events",
        f"/projects/{project}/training-sets",
        f"/training-sets/{leaky.pk}",
        f"/training-sets/{leaky.pk}/images",
        f"/training-sets/{leaky.pk}/report",
        f"/exports/{export['id']}",
    ]
    answers = [json.dumps(opened), json.dumps(export)]
    for path in paths:
        answers.append(anna.get(path).content.decode())
        seen = anna.client.get(f"/api/v1{path}", headers={"Authorization": f"Bearer {token}"})
        assert seen.status_code == 200, path
        answers.append(seen.content.decode())
    answers += [json.dumps(each.data) for each in Event.objects.all()]
    own = {image["sha256"] for image in manifest_read(leaky)["images"]}
    secrets = {image["sha256"] for image in manifest_read(hidden)["images"]} - own
    secrets |= {image["dhash"] for image in manifest_read(hidden)["images"]} | {"dog1.jpg", "cat0.jpg"}
    for answer in answers:
        assert "leak" not in answer.lower()
        assert "hidden_name" not in answer
        assert not [secret for secret in secrets if secret in answer]
    for path in (f"/training-sets/{leaky.pk}/leakage", "/leakage"):
        refused = anna.get(path)
        assert (refused.status_code, refused.json()["code"]) == (403, "staff_only")
        assert anna.client.get(f"/api/v1{path}", headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_a_newer_hidden_set_is_compared_when_staff_ask(
    leaky: TrainingSet, course: Lms, grader: Caller, tmp_path: Path
) -> None:
    path = folder(tmp_path / "newer", role="hidden", name="secret-pets", start=0)
    newer = library_set_import(site=course.site, folder=path)[0]
    answer = grader.get(f"/training-sets/{leaky.pk}/leakage").json()
    assert (answer["exact"], answer["near"]) == (5, 0)
    assert set(LeakageCheck.objects.values_list("hidden__version", flat=True)) == {1, newer.version}


def test_a_hidden_set_that_cannot_be_read_costs_the_learner_nothing(course: Lms, store: Any, anna: Caller) -> None:
    anna.open()  # the rows of `course` have no objects
    files = [(f"{n}.jpg", made.jpeg(n), builders.CLASSES[n % 2]) for n in range(4)]
    found = sets_made.prepared(sets_made.asked(anna, files))
    assert found.state == "ready"
    assert not LeakageCheck.objects.exists()


def test_the_list_makes_the_same_number_of_queries_however_long(leaky: TrainingSet, grader: Caller) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as one:
        grader.get("/leakage")
    check = LeakageCheck.objects.get()
    for version in range(2, 12):
        row = TrainingSet.objects.get(pk=leaky.pk)
        row.pk, row.version, row.idempotency_key = None, version, f"copy{version}"
        row.save(force_insert=True)
        check.pk, check.training_set = None, row
        check.save(force_insert=True)
    with CaptureQueriesContext(connection) as many:
        assert len(grader.get("/leakage").json()["results"]) == 11
    assert len(one) == len(many)
