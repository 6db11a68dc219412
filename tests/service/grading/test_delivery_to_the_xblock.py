"""Grades over a bad line into the XBlock's own callback, no browser open: the newest stands, each counts once."""

import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.core.cache import cache
from django.utils import timezone
from xblock.runtime import DictKeyValueStore

from axons_service.grading.delivery import grade_deliver
from axons_service.grading.models import GradeDelivery
from axons_service.sites.keys import public_key_pem, service_public_key
from axons_service.sites.models import Site
from tests.service import builders
from tests.service.builders import Caller, Lms
from tests.service.grading.test_submissions import scored
from tests.xblock.platform import CourseKey, LmsRuntime, UsageKey, User, anonymous, anonymous_id
from tests.xblock.support import ADA, BOB, GRADED, make_block, post_grade, settings

pytestmark = pytest.mark.django_db

LOST = 0.1
OVERTAKEN = 0.15
OUTAGE = (timedelta(minutes=20), timedelta(minutes=30))
LEARNERS = [ADA, BOB]


class Here(UsageKey):
    def __str__(self) -> str:
        return builders.USAGE


@dataclass
class Clock:
    """The service's clock; it stands still but for `sleep`."""

    began: datetime = field(default_factory=timezone.now)
    passed: timedelta = timedelta()

    def now(self) -> datetime:
        return self.began + self.passed

    def sleep(self, seconds: float) -> None:
        self.passed += timedelta(seconds=seconds)


class Platform(ThreadingHTTPServer):
    """lms/djangoapps/courseware/block_render.py: handle_xblock_callback_noauth, behind a line that loses and delays."""

    def __init__(self, clock: Clock, site: str) -> None:
        self.clock, self.rng = clock, random.Random(5)
        self.store = DictKeyValueStore()
        self.config = settings() | {"SITE": site, "SERVICE_PUBLIC_KEY": public_key_pem(service_public_key())}
        self.book: list[tuple[int | None, str, Any]] = []
        self.delayed: list[tuple[bytes, str]] = []
        self.refused_by_outage = self.lost = 0
        super().__init__(("127.0.0.1", 0), Line)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_port}"

    def handle_grade(self, body: bytes, authorization: str) -> int:
        """A new block bound to nobody, as every noauth request gets one; the learner's state outlives it."""
        book = self.book

        class Booked(LmsRuntime):
            def publish(self, block: Any, event_type: str, event: dict[str, Any]) -> None:
                super().publish(block, event_type, event)
                book.append((self.user.id, event_type, event))

        key = Here(context_key=CourseKey(builders.COURSE))
        block = make_block(
            user=anonymous(), xblock_settings=self.config, runtime=Booked, store=self.store, usage=key, spec=GRADED
        )
        return int(post_grade(block, body, authorization).status_code)

    def block_of(self, user: User) -> Any:
        key = Here(context_key=CourseKey(builders.COURSE))
        return make_block(user=user, store=self.store, usage=key)


class Line(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server = self.server
        assert isinstance(server, Platform)
        body, authorization = self.rfile.read(int(self.headers["Content-Length"])), self.headers["Authorization"]
        if OUTAGE[0] <= server.clock.passed < OUTAGE[1]:
            server.refused_by_outage += 1
            return self.answer(503)
        fate = server.rng.random()
        if fate < LOST / 2:  # before the LMS had it
            server.lost += 1
            return None
        if fate > 1 - OVERTAKEN:  # it lingers on the line; newer ones pass it
            server.delayed.append((body, authorization))
            return None
        status = server.handle_grade(body, authorization)
        if fate < LOST:  # after the LMS took it
            server.lost += 1
            return None
        return self.answer(status)

    def answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(timezone, "now", clock.now)
    return clock


@pytest.fixture
def platform(course: Lms, clock: Clock) -> Iterator[Platform]:
    cache.clear()
    server = Platform(clock, course.site.slug)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    Site.objects.filter(pk=course.site.pk).update(callback_hosts=[server.host])
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def deliver_due(clock: Clock) -> None:
    """What the worker does with every message of the outbox's sweep."""
    due = GradeDelivery.objects.filter(state="due", due_at__lte=clock.now()).values_list("pk", flat=True)
    for delivery in list(due):
        grade_deliver(delivery_id=delivery)


def test_every_grade_counts_once_and_the_newest_stands(course: Lms, platform: Platform, clock: Clock) -> None:
    rng = random.Random(11)
    grader = Caller(course, learner="greta", role="grader")
    submissions = {}
    for user in LEARNERS:
        caller = Caller(course, learner=anonymous_id(user))
        caller.open(callback_url=f"http://{platform.host}/grade")
        submissions[user.id] = scored(caller, 0.6, key="k")
    last: dict[int | None, float] = {}
    reviews = 0
    while clock.passed < timedelta(minutes=40):
        clock.sleep(rng.uniform(5, 20))
        if rng.random() < 0.4:
            user = rng.choice(LEARNERS)
            reviews += 1
            last[user.id] = reviews / 1000  # no two grades are alike
            body = {"score": last[user.id], "comment": "Seen."}
            assert (
                grader.post(f"/submissions/{submissions[user.id]}/reviews", body, key=f"r{reviews}").status_code == 201
            )
        deliver_due(clock)
        if len(platform.delayed) > 3 and rng.random() < 0.3:
            platform.handle_grade(*platform.delayed.pop(rng.randrange(len(platform.delayed))))
    for _ in range(100):
        clock.sleep(120)
        deliver_due(clock)
    for late in platform.delayed:  # a retry that outlived everything newer
        assert platform.handle_grade(*late) == 200

    assert reviews > 40
    assert platform.lost > 0
    assert platform.refused_by_outage > 0
    assert len(platform.delayed) >= 3
    assert set(GradeDelivery.objects.values_list("state", flat=True)) <= {"delivered", "superseded"}
    for user in LEARNERS:
        booked = [event["value"] for who, kind, event in platform.book if (who, kind) == (user.id, "grade")]
        assert booked == sorted(set(booked), key=lambda value: (value != booked[0], value)), "twice, or backwards"
        assert booked[-1] == pytest.approx(last[user.id])
        newest = GradeDelivery.objects.filter(project__learner=anonymous_id(user)).latest("revision")
        block = platform.block_of(user)
        assert (block.grade_revision, block.score) == (newest.revision, pytest.approx(last[user.id]))
