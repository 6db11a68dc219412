"""The hidden test set itself: course staff look at it, nobody else learns where its pictures lie."""

from pathlib import Path
from typing import Any

import pytest
import requests

from axons_service.training_sets.images import image_urls
from axons_service.training_sets.library import library_set_import
from axons_service.training_sets.models import TrainingSet
from tests.service import builders
from tests.service.builders import Caller, Lms
from tests.service.training_sets.test_prepare import folder

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.needs_s3]
NAME = "secret-pets"
PATH = "/hidden-test-set"


@pytest.fixture
def hidden(store: Any, course: Lms, tmp_path: Path) -> TrainingSet:
    return library_set_import(site=course.site, folder=folder(tmp_path / "hidden", role="hidden", name=NAME))[0]


def test_staff_see_its_pictures_class_by_class_and_page_by_page(hidden: TrainingSet, grader: Caller) -> None:
    grader.open(builders.spec(hidden_test_set=NAME))
    answer = grader.get(PATH).json()
    assert (answer["set"]["id"], answer["set"]["kind"]) == (str(hidden.pk), "hidden")
    assert len(answer["images"]) == answer["set"]["image_count"] == hidden.image_count
    for image in answer["images"]:
        assert image["split"] == "test"
    picture = answer["images"][0]
    assert builders.sha256(requests.get(picture["url"], timeout=10).content) == picture["sha256"]
    assert requests.get(picture["thumbnail_url"], timeout=10).status_code == 200
    cats = grader.get(PATH, label="cat", limit=2).json()
    assert {image["label"] for image in cats["images"]} == {"cat"}
    more = grader.get(PATH, label="cat", limit=2, after=cats["next"]).json()
    assert not {each["sha256"] for each in cats["images"]} & {each["sha256"] for each in more["images"]}


def test_neither_learners_nor_browsers_nor_other_staff_see_it(hidden: TrainingSet, anna: Caller, campus: Lms) -> None:
    opened = anna.open(builders.spec(hidden_test_set=NAME)).json()
    refused = anna.get(PATH)
    assert (refused.status_code, refused.json()["code"]) == (403, "staff_only")
    greta = Caller(campus, learner="greta", role="grader")
    token = greta.open(builders.spec(hidden_test_set=NAME)).json()["read_token"]
    for each in (token, opened["read_token"]):
        assert anna.client.get(f"/api/v1{PATH}", headers={"Authorization": f"Bearer {each}"}).status_code == 401
    elsewhere = Caller(campus, learner="greta", role="grader", usage=builders.USAGE + "-two")
    assert (elsewhere.get(PATH).status_code, elsewhere.get(PATH).json()["code"]) == (404, "project_not_open")
    for who in (anna, greta):
        assert who.get(f"/training-sets/{hidden.pk}/images").status_code == 404


def test_an_exercise_without_one_says_so(course: Lms, grader: Caller) -> None:
    grader.open(builders.spec(hidden_test_set=None, grading=None))
    refused = grader.get(PATH)
    assert (refused.status_code, refused.json()["code"]) == (404, "no_hidden_test_set")


def test_its_addresses_are_made_on_purpose_only(hidden: TrainingSet) -> None:
    with pytest.raises(ValueError, match="hidden"):
        image_urls(hidden, ["0" * 64])
