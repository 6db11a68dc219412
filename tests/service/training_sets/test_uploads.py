"""What may be uploaded, before a byte is sent."""

from typing import Any

import pytest

from tests.service import builders
from tests.service.builders import Caller, Lms

pytestmark = pytest.mark.django_db


def ask(caller: Caller, *files: tuple[str, int, str], purpose: str = "training_set") -> Any:
    offers = [{"name": name, "bytes": size, "content_type": kind} for name, size, kind in files]
    return caller.post("/uploads", {"files": offers, "purpose": purpose})


def test_files_of_a_wrong_size_or_type_are_refused_one_by_one(course: Lms, anna: Caller) -> None:
    anna.open()
    answer = ask(
        anna,
        ("good.jpg", 1000, "image/jpeg"),
        ("film.mp4", 1000, "video/mp4"),
        ("big.png", 21 * 1024 * 1024, "image/png"),
        ("none.png", 0, "image/png"),
    ).json()
    assert [upload["name"] for upload in answer["uploads"]] == ["good.jpg"]
    assert answer["uploads"][0]["method"] == "PUT"
    assert {refusal["name"]: refusal["reason"] for refusal in answer["rejected"]} == {
        "film.mp4": "film.mp4 is not a JPEG, PNG or WebP picture.",
        "big.png": "big.png is too large: 21.0 MiB. Allowed are 20 MiB per picture.",
        "none.png": "none.png is empty.",
    }


def test_names_lose_their_folders_and_control_characters(course: Lms, anna: Caller) -> None:
    anna.open()
    answer = ask(anna, ("../../etc/pass\x07wd.jpg", 10, "image/jpeg"), ("C:\\me\\cat.jpg", 10, "image/jpeg")).json()
    assert [upload["name"] for upload in answer["uploads"]] == ["passwd.jpg", "cat.jpg"]


def test_a_hundred_files_at_a_time_are_enough(course: Lms, anna: Caller) -> None:
    anna.open()
    answer = ask(anna, *[("a.jpg", 10, "image/jpeg")] * 101)
    assert (answer.status_code, answer.json()["code"]) == (422, "too_many_files")


def test_an_exercise_without_own_pictures_takes_none_to_train_on(course: Lms, anna: Caller) -> None:
    builders.library_set(course.site, "starter", "pets")
    anna.open(builders.spec(starter_set="pets", own_pictures=False))
    refusal = ask(anna, ("a.jpg", 10, "image/jpeg"))
    assert (refusal.status_code, refusal.json()["code"]) == (403, "own_pictures_off")
    assert ask(anna, ("a.jpg", 10, "image/jpeg"), purpose="prediction").status_code == 201


def test_uploads_need_an_opened_exercise(course: Lms, anna: Caller) -> None:
    assert ask(anna, ("a.jpg", 10, "image/jpeg")).json()["code"] == "project_not_open"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "nothing_to_do"),
        ({"exclusions": ["f" * 64]}, 422, "base_missing"),
        ({"additions": [{"upload": "00000000-0000-0000-0000-000000000000", "label": "cat"}]}, 422, "upload_unknown"),
        ({"additions": [{"upload": "00000000-0000-0000-0000-000000000000", "label": " "}]}, 400, "invalid_request"),
        ({"base": "00000000-0000-0000-0000-000000000000", "exclusions": ["f"]}, 404, "not_found"),
        ({"additions": "all"}, 400, "invalid_request"),
    ],
)
def test_a_request_that_makes_no_set_is_answered_with_a_code(
    course: Lms, anna: Caller, body: dict[str, Any], status: int, code: str
) -> None:
    anna.open()
    answer = anna.post("/training-sets", body, key="k")
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_set_needs_an_idempotency_key(course: Lms, anna: Caller) -> None:
    anna.open()
    answer = anna.post("/training-sets", {"additions": []})
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_missing")
