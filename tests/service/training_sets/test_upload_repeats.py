"""Uploads whose answers get lost, whose pages are reloaded, and whose owners think again. On a real object store."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from django.db import connection
from django.test.utils import CaptureQueriesContext

from axons_service.storage import objects
from axons_service.training_sets import uploads
from axons_service.training_sets.models import TrainingSet, Upload
from axons_service.training_sets.prepare import training_set_prepare
from tests.service import builders
from tests.service.builders import Caller, Lms
from tests.service.training_sets import pictures_made as made

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.needs_s3]


def offer(data: bytes, name: str = "cat.jpg", **more: Any) -> dict[str, Any]:
    known = {"client_id": f"file-{name}".replace(".", "-"), "sha256": builders.sha256(data)}
    return {"name": name, "bytes": len(data), "content_type": "image/jpeg", **known, **more}


def declare(caller: Caller, *offers: dict[str, Any], purpose: str = "training_set") -> Any:
    return caller.post("/uploads", {"files": list(offers), "purpose": purpose})


def put(place: dict[str, Any], data: bytes, **headers: str) -> int:
    return requests.put(place["url"], data=data, headers={**place["headers"], **headers}, timeout=10).status_code


def sent(caller: Caller, data: bytes, name: str = "cat.jpg", **more: Any) -> str:
    """Declare, PUT and confirm one file; its id."""
    place = declare(caller, offer(data, name, **more)).json()["uploads"][0]
    assert put(place, data) == 200
    assert caller.post("/uploads/confirm", {"uploads": [place["id"]]}).json()["arrived"] == [place["id"]]
    return str(place["id"])


def test_a_repeated_declaration_gives_the_same_uploads(course: Lms, store: Any, anna: Caller) -> None:
    anna.open()
    offers = [offer(made.jpeg(n), f"{n}.jpg") for n in range(3)]
    first, second = declare(anna, *offers).json(), declare(anna, *offers).json()
    assert [each["id"] for each in first["uploads"]] == [each["id"] for each in second["uploads"]]
    assert [each["client_id"] for each in first["uploads"]] == ["file-0-jpg", "file-1-jpg", "file-2-jpg"]
    assert Upload.objects.count() == 3


def test_declarations_at_the_same_time_make_each_file_once(course: Lms, store: Any, anna: Caller) -> None:
    anna.open()
    offers = [offer(made.jpeg(n), f"{n}.jpg") for n in range(5)]

    def ask(_: int) -> int:
        try:
            return int(declare(Caller(course), *offers).status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(ask, range(4))) == [201] * 4
    assert Upload.objects.count() == 5


def test_one_id_twice_in_a_request_is_one_upload(course: Lms, store: Any, anna: Caller) -> None:
    anna.open()
    file = offer(made.jpeg())
    assert len({each["id"] for each in declare(anna, file, file).json()["uploads"]}) == 1
    assert Upload.objects.count() == 1


def test_a_file_that_changed_under_its_id_is_refused_by_name(course: Lms, store: Any, anna: Caller) -> None:
    anna.open()
    declare(anna, offer(b"x" * 10))
    answer = declare(anna, offer(b"x" * 11)).json()
    assert answer["uploads"] == []
    [line] = answer["rejected"]
    assert (line["client_id"], line["code"]) == ("file-cat-jpg", "changed")
    assert line["reason"] == "cat.jpg is not the file that it was before. Choose it again."


def test_the_same_id_of_another_learner_is_another_file(course: Lms, store: Any, anna: Caller, ben: Caller) -> None:
    anna.open()
    ben.open()
    data = made.jpeg()
    mine = sent(anna, data)
    [theirs] = declare(ben, offer(data)).json()["uploads"]
    assert theirs["id"] != mine
    assert theirs["state"] == "waiting", "ben's upload must not be taken for anna's, whatever its hash"


def test_declaring_again_tells_what_has_arrived(course: Lms, store: Any, anna: Caller) -> None:
    anna.open()
    here, lost = made.jpeg(1), made.jpeg(2)
    offers = [offer(here, "here.jpg"), offer(lost, "lost.jpg")]
    places = declare(anna, *offers).json()["uploads"]
    assert put(places[0], here) == 200
    again = declare(anna, *offers).json()["uploads"]
    assert [each["state"] for each in again] == ["arrived", "waiting"]
    assert put(again[1], lost) == 200, "the fresh URL of what is missing works"


def test_content_that_arrived_is_not_asked_for_again(course: Lms, store: Any, anna: Caller) -> None:
    anna.open()
    data = made.jpeg()
    first = sent(anna, data, "first.jpg")
    [twin] = declare(anna, offer(data, "second.jpg")).json()["uploads"]
    assert (twin["id"], twin["state"], twin["client_id"]) == (first, "arrived", "file-second-jpg")
    assert Upload.objects.count() == 1


def test_content_that_was_promised_only_must_be_sent(course: Lms, store: Any, anna: Caller) -> None:
    anna.open()
    data = made.jpeg()
    declare(anna, offer(data, "first.jpg"))
    [twin] = declare(anna, offer(data, "second.jpg")).json()["uploads"]
    assert twin["state"] == "waiting"
    assert Upload.objects.count() == 2


def test_the_store_refuses_another_size_or_type(course: Lms, store: Any, anna: Caller) -> None:
    anna.open()
    data = made.jpeg()
    [place] = declare(anna, offer(data)).json()["uploads"]
    assert put(place, data + b"more") == 403
    assert put(place, data, **{"Content-Type": "text/html"}) == 403
    assert put(place, data) == 200


def test_confirming_says_what_is_missing_and_may_be_repeated(course: Lms, store: Any, anna: Caller) -> None:
    anna.open()
    data = made.jpeg()
    here, lost = declare(anna, offer(data, "here.jpg"), offer(made.jpeg(2), "lost.jpg")).json()["uploads"]
    assert put(here, data) == 200
    stranger = str(uuid.uuid4())
    body = {"uploads": [here["id"], lost["id"], stranger]}
    first, second = anna.post("/uploads/confirm", body).json(), anna.post("/uploads/confirm", body).json()
    assert first == second
    assert first["arrived"] == [here["id"]]
    assert {line["id"]: (line["code"], line["reason"]) for line in first["missing"]} == {
        lost["id"]: ("upload_incomplete", "lost.jpg has not arrived. Send it again."),
        stranger: ("upload_unknown", "This picture is not among your uploads. Choose it again."),
    }


def test_an_object_of_another_size_is_not_taken_for_the_file(course: Lms, store: Any, anna: Caller) -> None:
    anna.open()
    [place] = declare(anna, offer(b"x" * 10)).json()["uploads"]
    objects.put_bytes(Upload.objects.get(pk=place["id"]).key, b"x" * 9, "image/jpeg")
    [line] = anna.post("/uploads/confirm", {"uploads": [place["id"]]}).json()["missing"]
    assert line["code"] == "upload_wrong_size"
    assert line["reason"] == "cat.jpg arrived with 9 bytes instead of 10. Send it again."


def test_nobody_confirms_or_discards_what_is_not_theirs(course: Lms, store: Any, anna: Caller, ben: Caller) -> None:
    anna.open()
    ben.open()
    mine = sent(anna, made.jpeg())
    assert ben.post("/uploads/confirm", {"uploads": [mine]}).json()["missing"][0]["code"] == "upload_unknown"
    assert ben.post("/uploads/discard", {"uploads": [mine]}).json() == {"discarded": 0}
    assert ben.get("/uploads").json()["uploads"] == []
    assert Upload.objects.filter(pk=mine).exists()
    other = Caller(builders.lms("other"), learner="anna")
    assert other.post("/uploads/confirm", {"uploads": [mine]}).json()["code"] == "project_not_open"


def test_a_page_that_was_reloaded_finds_its_uploads(course: Lms, store: Any, anna: Caller) -> None:
    token = anna.open().json()["read_token"]
    here = sent(anna, made.jpeg(1), "here.jpg", label="cat")
    declare(anna, offer(made.jpeg(2), "lost.jpg", label="dog"))
    declare(anna, offer(made.jpeg(3), "tried.jpg"), purpose="prediction")
    page = anna.client.get("/api/v1/uploads", {"limit": 1}, headers={"Authorization": f"Bearer {token}"}).json()
    rest = anna.get("/uploads", after=page["next"]).json()
    assert rest["next"] is None
    listed = {each["name"]: each for each in page["uploads"] + rest["uploads"]}
    assert {name: (each["state"], each["label"]) for name, each in listed.items()} == {
        "here.jpg": ("arrived", "cat"),
        "lost.jpg": ("waiting", "dog"),
    }
    assert listed["here.jpg"]["id"] == here
    assert listed["lost.jpg"]["client_id"] == "file-lost-jpg"


def test_a_picture_that_was_moved_to_another_class_stays_there(course: Lms, store: Any, anna: Caller) -> None:
    anna.open()
    data = made.jpeg()
    sent(anna, data, label="cat")
    declare(anna, offer(data, label="dog"))
    assert anna.get("/uploads").json()["uploads"][0]["label"] == "dog"


def test_a_pages_token_declares_nothing(course: Lms, store: Any, anna: Caller) -> None:
    token = anna.open().json()["read_token"]
    for path in ("/uploads", "/uploads/confirm", "/uploads/discard"):
        answer = anna.client.post(
            f"/api/v1{path}", {}, "application/json", headers={"Authorization": f"Bearer {token}"}
        )
        assert (answer.status_code, answer.json()["code"]) == (403, "token_read_only")


def test_discarded_uploads_are_gone_and_may_be_discarded_again(course: Lms, store: Any, anna: Caller) -> None:
    anna.open()
    upload = sent(anna, made.jpeg())
    key = Upload.objects.get().key
    assert anna.post("/uploads/discard", {"uploads": [upload]}).json() == {"discarded": 1}
    assert anna.post("/uploads/discard", {"uploads": [upload]}).json() == {"discarded": 0}
    assert objects.head(key) is None


def test_uploads_that_a_set_is_made_of_wait_for_it(course: Lms, store: Any, anna: Caller) -> None:
    anna.open()
    ids = [sent(anna, made.jpeg(n), f"{n}.jpg") for n in range(4)]
    additions = [{"upload": each, "label": builders.CLASSES[n % 2]} for n, each in enumerate(ids)]
    created = anna.post("/training-sets", {"additions": additions}, key="k").json()
    assert anna.get("/uploads").json()["uploads"] == []
    assert anna.post("/uploads/discard", {"uploads": ids}).json() == {"discarded": 0}
    [again] = declare(anna, offer(made.jpeg(0), "again.jpg")).json()["uploads"]
    assert again["id"] not in ids, "an upload that goes away with its set is no twin"
    training_set_prepare(training_set_id=uuid.UUID(created["id"]))
    assert anna.get(f"/training-sets/{created['id']}").json()["image_count"] == 4


def test_uploads_of_a_set_that_failed_are_offered_again(course: Lms, store: Any, anna: Caller) -> None:
    anna.open()
    upload = sent(anna, made.jpeg())
    created = anna.post("/training-sets", {"additions": [{"upload": upload, "label": "cat"}]}, key="k").json()
    training_set_prepare(training_set_id=uuid.UUID(created["id"]))
    assert TrainingSet.objects.get(pk=created["id"]).state == TrainingSet.State.FAILED, "one class alone is no set"
    assert [each["id"] for each in anna.get("/uploads").json()["uploads"]] == [upload]


@pytest.mark.parametrize(
    ("limit", "value", "code", "sentence"),
    [
        ("MAX_WAITING_UPLOADS", 3, "too_many_uploads", "At most 3 pictures may wait to be saved; with these it would"),
        ("MAX_WAITING_BYTES", 2_500, "too_many_bytes", "At most 0 GiB of pictures may wait to be saved; with these"),
    ],
)
def test_what_waits_is_limited_and_a_repeat_costs_no_room(
    course: Lms,
    store: Any,
    anna: Caller,
    monkeypatch: pytest.MonkeyPatch,
    limit: str,
    value: int,
    code: str,
    sentence: str,
) -> None:
    monkeypatch.setattr(uploads, limit, value)
    anna.open()
    offers = [offer(b"%d" % n * 1000, f"{n}.jpg") for n in range(2)]
    assert declare(anna, *offers).status_code == 201
    assert declare(anna, *offers).status_code == 201, "the same files again take no more room"
    refusal = declare(anna, offer(b"x" * 1000, "x.jpg"), offer(b"y" * 1000, "y.jpg"))
    assert (refusal.status_code, refusal.json()["code"]) == (422, code)
    assert refusal.json()["detail"].startswith(sentence)
    assert Upload.objects.count() == 2


def test_more_files_cost_no_more_queries(course: Lms, store: Any, anna: Caller) -> None:
    anna.open()

    def queries(count: int) -> int:
        offers = [offer(made.jpeg(n), f"{count}-{n}.jpg") for n in range(count)]
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert declare(anna, *offers).status_code == 201
        return len(captured)

    queries(1)  # the course's first upload makes its row
    assert queries(2) == queries(60), "SQLite takes more rows in two inserts"


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/uploads/confirm", {"uploads": []}, 422, "too_many_files"),
        ("/uploads/confirm", {"uploads": [str(uuid.uuid4())] * 101}, 422, "too_many_files"),
        ("/uploads/confirm", {"uploads": ["x"]}, 400, "invalid_request"),
        ("/uploads/discard", {"uploads": "all"}, 400, "invalid_request"),
        ("/uploads", {"files": [offer(b"x", client_id="a b")], "purpose": "training_set"}, 400, "invalid_request"),
        ("/uploads", {"files": [offer(b"x", sha256="F" * 64)], "purpose": "training_set"}, 400, "invalid_request"),
        ("/uploads", {"files": [], "purpose": "training_set"}, 422, "too_many_files"),
    ],
)
def test_a_malformed_request_is_answered_with_a_code(
    course: Lms, store: Any, anna: Caller, path: str, body: dict[str, Any], status: int, code: str
) -> None:
    anna.open()
    answer = anna.post(path, body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
