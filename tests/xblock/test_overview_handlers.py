"""The class overview: names are joined in the LMS, which also knows who is enrolled."""

import sys
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl

import pytest

from tests.xblock.platform import User, anonymous_id
from tests.xblock.support import ADA, BOB, GRACE, TrainingService, call, error, make_block, settings

ROOT = User(id=1, username="root")


class Rows(list[Any]):
    """A Django query set, as far as it is asked here."""

    def filter(self, **wanted: Any) -> "Rows":
        return Rows(row for row in self if all(str(getattr(row, name)) == str(value) for name, value in wanted.items()))

    def values_list(self, *names: str, flat: bool = False) -> list[Any]:
        return [getattr(row, names[0]) if flat else tuple(getattr(row, name) for name in names) for row in self]

    def select_related(self, *names: str) -> "Rows":
        return self


@dataclass
class Enrolments:
    """common/djangoapps/student/models/course_enrollment.py: CourseEnrollmentManager"""

    people: list[User] = field(default_factory=list)

    def users_enrolled_in(self, course_id: Any) -> Rows:
        return Rows(self.people)


@pytest.fixture
def enrolments(monkeypatch: pytest.MonkeyPatch) -> Enrolments:
    """common/djangoapps/student/models/__init__.py; Grace has a role in the course, root is staff of the platform."""
    found = Enrolments([BOB, GRACE, ADA, ROOT])
    for person in found.people:
        object.__setattr__(person, "is_staff", person is ROOT)
    student: Any = ModuleType("common.djangoapps.student.models")
    course = str(make_block().context_key)
    student.AnonymousUserId = SimpleNamespace(
        objects=Rows(
            SimpleNamespace(course_id=course, user_id=each.id, anonymous_user_id=anonymous_id(each))
            for each in (ADA, GRACE)
        )
    )
    student.CourseAccessRole = SimpleNamespace(objects=Rows([SimpleNamespace(course_id=course, user_id=GRACE.id)]))
    student.CourseEnrollment = SimpleNamespace(objects=found)
    for name in ("common", "common.djangoapps", "common.djangoapps.student"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, student.__name__, student)
    return found


def staff_block(service: TrainingService) -> Any:
    return make_block(user=GRACE, xblock_settings=settings(service.url))


def opened(*people: User) -> list[dict[str, str]]:
    return [{"learner": anonymous_id(each)} for each in people]


def test_the_summary_is_the_services(service: TrainingService) -> None:
    service.answer("GET", "/api/v1/overview", {"runs": 3})
    assert call(staff_block(service), "staff_overview", {}).json == {"runs": 3}
    assert service.received[0].claims["role"] == "grader"


def test_learners_come_with_their_names_and_by_standing(service: TrainingService) -> None:
    service.answer("GET", "/api/v1/overview/learners", {"results": opened(ADA), "next": "c2"})
    answer = call(staff_block(service), "staff_overview_learners", {"cursor": "c1", "standing": "failing"}).json
    assert answer["results"] == [{"learner": anonymous_id(ADA), "name": "Ada Lovelace", "username": "ada"}]
    assert answer["next"] == "c2"
    query = dict(parse_qsl(service.received[0].path.partition("?")[2]))
    assert query == {"cursor": "c1", "standing": "failing", "limit": "50"}
    assert error(call(staff_block(service), "staff_overview_learners", {"standing": 1})) == (400, "bad_request")


def test_who_is_enrolled_and_has_not_opened_the_exercise(service: TrainingService, enrolments: Enrolments) -> None:
    service.answer("GET", "/api/v1/overview/learners", {"results": opened(ADA), "next": None})
    answer = call(staff_block(service), "staff_not_started", {}).json
    assert answer == {"enrolled": 2, "count": 1, "results": [{"name": "Bob Moog", "username": "bob"}]}


def test_all_pages_of_those_who_opened_it_are_read(service: TrainingService, enrolments: Enrolments) -> None:
    path = "/api/v1/overview/learners?limit=200"
    service.answer("GET", path, {"results": opened(BOB), "next": "c2"})
    service.answer("GET", f"{path}&cursor=c2", {"results": opened(ADA), "next": None})
    assert call(staff_block(service), "staff_not_started", {}).json["count"] == 1  # Bob never had an anonymous id
    assert len(service.received) == 2


def test_a_platform_that_does_not_say_who_is_enrolled(service: TrainingService) -> None:
    answer = call(staff_block(service), "staff_not_started", {}).json
    assert answer == {"enrolled": None, "count": 0, "results": []}
    assert service.received == []
