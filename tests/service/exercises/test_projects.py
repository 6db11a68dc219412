"""Opening a unit and reading its state."""

import threading
from typing import Any

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from axons_service.exercises.models import Exercise, Project, Spec
from axons_service.exercises.specs import spec_check
from axons_service.jobs.models import Prediction
from tests.service import builders
from tests.service.builders import Caller, Lms


@pytest.mark.django_db
def test_opening_gives_the_project_and_a_token_to_read_it(course: Lms, anna: Caller) -> None:
    response = anna.open()
    assert response.status_code == 200
    bundle = response.json()
    project = bundle["project"]
    assert bundle["stream_url"] == f"http://testserver/api/v1/projects/{project['id']}/stream"
    assert project["exercise"] == {"usage": builders.USAGE, "course": builders.COURSE}
    assert project["role"] == "learner"
    assert project["tries"] == {"used": 0, "max": 3, "left": 3}
    assert (project["best_score"], project["cursor"], project["starter_set"]) == (None, 0, None)


@pytest.mark.django_db
def test_opening_twice_gives_the_same_project(course: Lms, anna: Caller) -> None:
    assert anna.open().json()["project"]["id"] == anna.open().json()["project"]["id"]
    assert (Spec.objects.count(), Exercise.objects.count(), Project.objects.count()) == (1, 1, 1)


@pytest.mark.django_db
def test_a_changed_spec_is_a_new_spec_of_the_same_exercise(course: Lms, anna: Caller) -> None:
    anna.open()
    project = anna.open(builders.spec(max_tries=0)).json()["project"]
    assert project["tries"] == {"used": 0, "max": None, "left": None}
    assert (Spec.objects.count(), Exercise.objects.count()) == (2, 1)


@pytest.mark.django_db
def test_a_draft_that_an_author_tries_changes_nothing_for_a_learner(course: Lms, anna: Caller) -> None:
    anna.open(builders.spec(max_tries=3))
    draft = Caller(course, learner="studio-author", role="author").open(builders.spec(max_tries=1))
    assert draft.json()["project"]["tries"]["max"] == 1
    project = anna.project()
    assert project.spec.body["max_tries"] == 3
    assert anna.get(f"/projects/{project.pk}").json()["tries"]["max"] == 3


@pytest.mark.django_db(transaction=True)
def test_two_tabs_at_once_open_one_project(course: Lms) -> None:
    ready = threading.Barrier(4)
    answers: list[Any] = []

    def tab() -> None:
        ready.wait()
        try:
            answers.append(Caller(course).open())
        finally:
            connections.close_all()

    tabs = [threading.Thread(target=tab) for _ in range(4)]
    for each in tabs:
        each.start()
    for each in tabs:
        each.join()
    assert [answer.status_code for answer in answers] == [200] * 4
    assert len({answer.json()["project"]["id"] for answer in answers}) == 1
    assert (Spec.objects.count(), Exercise.objects.count(), Project.objects.count()) == (1, 1, 1)


@pytest.mark.django_db
def test_a_learner_hears_of_a_broken_exercise_without_its_details(course: Lms, anna: Caller, author: Caller) -> None:
    broken = builders.spec(hidden_test_set="secret-set")
    refusal = anna.open(broken)
    assert (refusal.status_code, refusal.json()["code"]) == (422, "spec_invalid")
    assert "secret-set" not in refusal.content.decode()
    assert "hidden_test_set" in author.open(broken).content.decode()


@pytest.mark.django_db
def test_the_hidden_test_set_never_reaches_a_learner(course: Lms, anna: Caller, grader: Caller) -> None:
    assert "hidden" not in anna.open().content.decode()
    project = anna.project().pk
    assert "hidden" not in anna.get(f"/projects/{project}").content.decode()
    assert grader.get(f"/projects/{project}").json()["spec"]["hidden_test_set"] == "hidden-pets"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example.org/grade",
        "https://lms.example.org@evil.example.org/",
        "ftp://lms.example.org/",
        "https://lms.example.org:8443/",
    ],
)
def test_grades_can_be_asked_for_by_registered_hosts_only(course: Lms, anna: Caller, url: str) -> None:
    response = anna.open(callback_url=url)
    assert response.status_code in (400, 422)
    assert not Project.objects.exists()


@pytest.mark.django_db
def test_the_newest_callback_address_is_kept_and_none_forgets_nothing(course: Lms, anna: Caller) -> None:
    anna.open()
    anna.open(callback_url="https://lms.example.org/new")
    anna.open(callback_url=None)
    assert anna.project().callback_url == "https://lms.example.org/new"


@pytest.mark.django_db
def test_the_starter_set_is_the_newest_version(course: Lms, anna: Caller) -> None:
    builders.library_set(course.site, "starter", "pets")
    newest = builders.library_set(course.site, "starter", "pets", version=2)
    starter = anna.open(builders.spec(starter_set="pets")).json()["project"]["starter_set"]
    assert (starter["id"], starter["version"], starter["licence"]) == (str(newest.pk), 2, "CC0")


@pytest.fixture
def counted(course: Lms, anna: Caller, django_capture_on_commit_callbacks: Any) -> Any:
    """The number of queries that reading the project costs, after `n` of everything were added to it."""
    builders.library_set(course.site, "starter", "pets")
    body = builders.spec(starter_set="pets", max_tries=0)
    anna.open(body)

    def read(n: int) -> int:
        project = anna.project()
        for number in range(n):
            model = builders.model(project)
            assert model.job is not None
            key = f"{n}-{number}"
            submitted = anna.post("/submissions", {"model": str(model.pk)}, key=key)
            assert submitted.status_code == 201, submitted.content
            upload = {"files": [{"name": "a.jpg", "bytes": 9, "content_type": "image/jpeg"}], "purpose": "training_set"}
            uploaded = anna.post("/uploads", upload).json()["uploads"][0]["id"]
            made = {"base": None, "additions": [{"upload": uploaded, "label": "cat"}]}
            assert anna.post("/training-sets", made, key=key).status_code == 202
            prediction = builders.model(project)
            assert prediction.job is not None
            files = [{"name": "picture.jpg", "key": "k", "sha256": "0" * 64, "bytes": 1}]
            Prediction.objects.create(
                job=prediction.job, model=model, file="a.jpg", probabilities=[], files=files, seconds=0.1
            )
        with CaptureQueriesContext(connection) as queries:
            assert anna.get(f"/projects/{project.pk}").status_code == 200
        return len(queries)

    return read


@pytest.mark.django_db
def test_the_state_costs_a_constant_number_of_queries(counted: Any) -> None:
    few = counted(1)
    assert counted(5) == few
    assert few <= 24


@pytest.mark.django_db
def test_authors_list_the_newest_of_each_library_set(course: Lms, author: Caller) -> None:
    builders.library_set(course.site, "starter", "pets")
    builders.library_set(course.site, "starter", "pets", version=2, classes=["cat", "dog", "owl"])
    library = author.get("/library").json()
    assert [(each["name"], each["count"]) for each in library["starter_sets"]] == [("pets", 30)]
    assert [each["name"] for each in library["hidden_test_sets"]] == ["hidden-pets"]
    assert library["pools"] == [{"name": "cpu", "title": "Processors"}]
    assert {each["name"] for each in library["architectures"]} == {
        "efficientnet_lite0",
        "small_cnn",
        "lite0_lraspp",
        "small_unet",
    }


@pytest.mark.django_db
def test_networks_of_a_mirror_are_offered_where_the_operator_says_so(
    course: Lms, author: Caller, settings: Any
) -> None:
    body = builders.spec(architectures=["resnet18"])
    assert [finding["field"] for finding in spec_check(body)] == ["architectures"]
    settings.AXONS_MORE_ARCHITECTURES = ["resnet18"]
    assert spec_check(body) == []
    assert "resnet18" in {each["name"] for each in author.get("/library").json()["architectures"]}
