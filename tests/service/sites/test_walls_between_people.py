"""Nobody reaches what is not theirs: other learners, other exercises, other sites, staff's doors."""

import pytest

from tests.service import builders
from tests.service.builders import Caller, Lms

pytestmark = pytest.mark.django_db
OTHER_USAGE = builders.USAGE + "-two"


def test_a_learner_cannot_read_another_learners_project(course: Lms, anna: Caller, ben: Caller) -> None:
    project = anna.open().json()["project"]["id"]
    assert anna.get(f"/projects/{project}").status_code == 200
    response = ben.get(f"/projects/{project}")
    assert (response.status_code, response.json()["code"]) == (404, "not_found")


def test_staff_read_projects_of_their_exercise_only(course: Lms, anna: Caller) -> None:
    project = anna.open().json()["project"]["id"]
    assert Caller(course, learner="greta", role="grader").get(f"/projects/{project}").status_code == 200
    elsewhere = Caller(course, learner="greta", role="grader", usage=OTHER_USAGE)
    assert elsewhere.get(f"/projects/{project}").status_code == 404


def test_another_site_reads_nothing_of_ours(course: Lms, anna: Caller) -> None:
    project = anna.open().json()["project"]["id"]
    submission = builders.project(Caller(course, learner="carla"))
    model = builders.model(submission)
    other = Caller(builders.lms("other"), learner="anna", role="grader")
    for path in (f"/projects/{project}", f"/models/{model.pk}"):
        assert other.get(path).status_code == 404


def test_a_learner_is_refused_at_every_staff_door(course: Lms, anna: Caller) -> None:
    anna.open()
    nowhere = "00000000-0000-0000-0000-000000000000"
    for response in (
        anna.get("/submissions", usage=builders.USAGE),
        anna.post(f"/submissions/{nowhere}/reviews", {"comment": "well done"}, key="r"),
    ):
        assert (response.status_code, response.json()["code"]) == (403, "staff_only")
    for response in (anna.get("/library"), anna.post("/specs/validate", {"spec": builders.spec()})):
        assert (response.status_code, response.json()["code"]) == (403, "author_only")


def test_a_grader_is_no_author(course: Lms, grader: Caller) -> None:
    assert grader.get("/library").status_code == 403


def test_a_learner_uploads_into_their_own_project_only(course: Lms, anna: Caller, ben: Caller) -> None:
    anna.open()
    ben.open()
    files = [{"name": "a.jpg", "bytes": 10, "content_type": "image/jpeg"}]
    upload = anna.post("/uploads", {"files": files, "purpose": "training_set"}).json()["uploads"][0]["id"]
    body = {"base": None, "additions": [{"upload": upload, "label": "cat"}]}
    stolen = ben.post("/training-sets", body, key="k")
    assert (stolen.status_code, stolen.json()["code"]) == (422, "upload_unknown")
