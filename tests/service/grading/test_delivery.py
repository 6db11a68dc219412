"""Grades reach the LMS: whatever is lost, refused or late on the way."""

import hashlib
import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from django.utils import timezone

from axons_service.grading import delivery
from axons_service.grading.delivery import due_grades_publish, grade_deliver, retry_delay
from axons_service.grading.models import GradeDelivery
from axons_service.sites.keys import service_public_key
from axons_service.sites.models import Site
from tests.service import builders
from tests.service.builders import Caller, Lms
from tests.service.grading.test_submissions import scored

pytestmark = pytest.mark.django_db


class FakeLms(ThreadingHTTPServer):
    """Remembers requests and answers what `answers` says; `drop` closes the connection without an answer."""

    def __init__(self) -> None:
        self.answers: list[int | str] = []
        self.requests: list[tuple[str, str, bytes]] = []
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server = self.server
        assert isinstance(server, FakeLms)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        server.requests.append((self.path, self.headers["Authorization"], body))
        answer = server.answers.pop(0) if server.answers else 200
        if answer == "drop":
            self.close_connection = True
            return
        assert isinstance(answer, int)
        self.send_response(answer)
        if 300 <= answer < 400:
            self.send_header("Location", f"http://{server.host}/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def callback() -> Iterator[FakeLms]:
    server = FakeLms()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def due(course: Lms, anna: Caller, callback: FakeLms) -> GradeDelivery:
    """A grade that waits for delivery."""
    Site.objects.filter(pk=course.site.pk).update(callback_hosts=[callback.host])
    anna.open(callback_url=f"http://{callback.host}/grade")
    scored(anna, 0.6, key="k")
    return GradeDelivery.objects.get()


def again(grade: GradeDelivery) -> str:
    """The next try, once its time has come."""
    GradeDelivery.objects.filter(pk=grade.pk).update(due_at=timezone.now())
    return grade_deliver(delivery_id=grade.pk)


def test_a_grade_is_delivered_signed_for_exactly_its_body(due: GradeDelivery, callback: FakeLms, anna: Caller) -> None:
    assert grade_deliver(delivery_id=due.pk) == "delivered"
    [(path, authorization, body)] = callback.requests
    assert path == "/grade"
    assert json.loads(body) == {
        "revision": 1,
        "score": 0.5,
        "max_score": 1,
        "learner": "anna",
        "usage": builders.USAGE,
        "submission": str(due.submission_id),
        "reason": "scored",
    }
    claims = jwt.decode(
        authorization.removeprefix("Bearer "), service_public_key(), algorithms=["EdDSA"], audience="campus"
    )
    assert claims["body_sha256"] == hashlib.sha256(body).hexdigest()
    assert (claims["iss"], claims["sub"], claims["usage"]) == ("axons-service", "anna", builders.USAGE)
    assert claims["exp"] - claims["iat"] == 60
    shown = anna.get(f"/submissions/{due.submission_id}").json()
    assert shown["delivered_revision"] == shown["revision"] == 1


def test_a_lost_answer_is_retried_with_the_same_revision(due: GradeDelivery, callback: FakeLms) -> None:
    callback.answers = ["drop", 503, 200]
    assert grade_deliver(delivery_id=due.pk) == "due"
    assert grade_deliver(delivery_id=due.pk) == "due"  # its backoff is not over: nothing is sent
    assert len(callback.requests) == 1
    assert [again(due), again(due)] == ["due", "delivered"]
    assert [json.loads(body)["revision"] for _, _, body in callback.requests] == [1, 1, 1]
    tokens = [jwt.decode(each[1][7:], options={"verify_signature": False})["jti"] for each in callback.requests]
    assert len(set(tokens)) == 3


def test_a_message_that_comes_after_its_learner_was_erased_does_nothing(due: GradeDelivery, callback: FakeLms) -> None:
    gone = due.pk
    due.delete()
    assert grade_deliver(delivery_id=gone) == "gone"
    assert callback.requests == []


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_a_refused_grade_is_dead_and_says_why(due: GradeDelivery, callback: FakeLms, status: int) -> None:
    callback.answers = [status]
    assert grade_deliver(delivery_id=due.pk) == "dead"
    due.refresh_from_db()
    assert due.last_error == f"The LMS refused the grade: HTTP {status}."
    assert again(due) == "dead"
    assert len(callback.requests) == 1


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_a_busy_lms_is_asked_again(due: GradeDelivery, callback: FakeLms, status: int) -> None:
    callback.answers = [status]
    assert grade_deliver(delivery_id=due.pk) == "due"
    due.refresh_from_db()
    assert due.due_at > timezone.now()


def test_redirects_are_not_followed(due: GradeDelivery, callback: FakeLms) -> None:
    callback.answers = [307]
    assert grade_deliver(delivery_id=due.pk) == "due"
    assert [path for path, _, _ in callback.requests] == ["/grade"]


def test_a_host_that_is_not_registered_gets_nothing(due: GradeDelivery, callback: FakeLms) -> None:
    Site.objects.update(callback_hosts=["lms.example.org"])
    assert grade_deliver(delivery_id=due.pk) == "dead"
    assert callback.requests == []


def test_a_newer_grade_replaces_one_that_was_not_sent(due: GradeDelivery, callback: FakeLms, anna: Caller) -> None:
    scored(anna, 0.95, key="k2")
    assert again(due) == "superseded"
    newest = GradeDelivery.objects.latest("revision")
    assert grade_deliver(delivery_id=newest.pk) == "delivered"
    assert [json.loads(body)["score"] for _, _, body in callback.requests] == [1.0]
    first = anna.get(f"/submissions/{due.submission_id}").json()
    assert (first["revision"], first["delivered_revision"]) == (1, 2)


def test_two_workers_send_a_grade_once(due: GradeDelivery, callback: FakeLms, monkeypatch: pytest.MonkeyPatch) -> None:
    send = delivery._post

    def meanwhile(grade: GradeDelivery, url: str) -> int:
        assert grade_deliver(delivery_id=grade.pk) == "due"
        return send(grade, url)

    monkeypatch.setattr(delivery, "_post", meanwhile)
    assert grade_deliver(delivery_id=due.pk) == "delivered"
    assert len(callback.requests) == 1


def test_the_sweep_finds_grades_whose_message_was_lost(due: GradeDelivery) -> None:
    assert due_grades_publish() == 1
    GradeDelivery.objects.update(due_at=timezone.now() + timedelta(seconds=9))
    assert due_grades_publish() == 0


def test_the_backoff_grows_to_an_hour_and_never_beyond() -> None:
    delays = [retry_delay(tries) for tries in range(40)]
    assert 1 <= delays[0] <= 2
    assert all(delay <= 3600 for delay in delays)
    assert delays[-1] >= 1800


def test_an_old_grade_that_arrives_late_is_harmless(due: GradeDelivery, callback: FakeLms, anna: Caller) -> None:
    """The LMS answers an older revision with 2xx too: it counts as delivered and is not repeated."""
    send = delivery._post

    def overtaken(grade: GradeDelivery, url: str) -> int:
        if grade.pk == due.pk:
            scored(anna, 0.95, key="k2")
        return send(grade, url)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delivery, "_post", overtaken)
        assert grade_deliver(delivery_id=due.pk) == "delivered"
    states = GradeDelivery.objects.order_by("revision").values_list("state", flat=True)
    assert list(states) == ["delivered", "due"]
