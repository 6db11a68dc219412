"""When learners see what they scored: the author's `show_correctness`, as the platform reads it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from webob import Request

from axons_xblock import compat
from tests.lms_contract.test_due_dates import DUE, OPEN, in_a_course
from tests.xblock.platform import StudioRuntime, User
from tests.xblock.support import ADA, BOB, GRACE, GRADED, TrainingService, bundle, call, make_block, settings

NEVER = 253_402_300_799  # the last second of the year 9999
LONG_AGO, LATER = datetime.now(UTC) - timedelta(days=2), datetime.now(UTC) + timedelta(days=2)
HIDDEN = ["never", "never_but_include_grade"]


def scored(service: TrainingService, user: User = ADA, **inherited: Any) -> Any:
    """A block whose learner has half of the points."""
    block = in_a_course(service, user, **inherited)
    block.spec, block.score = GRADED, 0.5
    return block


def seen(service: TrainingService, block: Any) -> tuple[Any, Any, Any]:
    """What the service is told at opening, and the grade that the page and a mobile app are told."""
    service.answer("POST", OPEN, bundle())
    service.received.clear()
    opened = call(block, "open").json
    app = block.runtime.handle(block, "student_view_user_state", Request.blank("/")).json
    return service.received[0].claims["results_from"], opened["grade"], app["grade"]


HALF = {"earned": 0.5, "possible": 1.0}


@pytest.mark.parametrize("wish", HIDDEN)
def test_never_keeps_scores_from_learners_for_good(service: TrainingService, wish: str) -> None:
    assert seen(service, scored(service, show_correctness=wish, due=LONG_AGO)) == (NEVER, None, None)


@pytest.mark.parametrize("inherited", [{}, {"show_correctness": "always"}, {"show_correctness": "something new"}])
def test_always_shows_scores_at_once(service: TrainingService, inherited: dict[str, Any]) -> None:
    assert seen(service, scored(service, due=LATER, **inherited)) == (None, HALF, HALF)


def test_past_due_shows_them_after_the_due_date_and_its_grace_period(service: TrainingService) -> None:
    wish = {"show_correctness": "past_due"}
    assert seen(service, scored(service, due=LATER, **wish)) == (int(LATER.timestamp()), None, None)
    assert seen(service, scored(service, due=LONG_AGO, **wish)) == (int(LONG_AGO.timestamp()), HALF, HALF)
    grace = scored(service, due=LONG_AGO, graceperiod=timedelta(days=3), **wish)
    assert seen(service, grace) == (int((LONG_AGO + timedelta(days=3)).timestamp()), None, None)
    self_paced = scored(service, due=LATER, self_paced=True, **wish)
    assert seen(service, self_paced) == (int(LATER.timestamp()), None, None), "as a problem block does"


def test_past_due_without_a_due_date_shows_them(service: TrainingService) -> None:
    assert seen(service, scored(service, show_correctness="past_due")) == (None, HALF, HALF)


def test_who_has_more_time_waits_longer(service: TrainingService) -> None:
    extended = scored(service, BOB, show_correctness="past_due", due=LONG_AGO)
    assert seen(service, extended)[0] == int((DUE + timedelta(days=7)).timestamp())


@pytest.mark.parametrize("wish", [*HIDDEN, "past_due"])
def test_course_staff_and_authors_see_scores_in_any_case(service: TrainingService, wish: str) -> None:
    staff = scored(service, GRACE, show_correctness=wish, due=LATER)
    assert seen(service, staff) == (None, HALF, HALF)
    author = in_a_course(service, GRACE, StudioRuntime, show_correctness=wish, due=LATER)
    service.received.clear()
    call(author, "open")
    assert service.received[0].claims["results_from"] is None


def test_the_grade_book_has_what_the_learner_does_not_see(service: TrainingService) -> None:
    """The platform hides it on its own progress page; a block that gave no score would fail everybody."""
    block = scored(service, show_correctness="never")
    assert (block.has_submitted_answer(), block.get_score().raw_earned) == (True, 0.5)


def test_a_runtime_that_knows_no_such_wish_shows_scores(service: TrainingService) -> None:
    block = make_block(spec=GRADED, score=0.5, xblock_settings=settings(service.url))
    assert seen(service, block)[0] is None
    assert compat.results_from(block) is None


def test_a_grade_that_is_pulled_reaches_the_grade_book_and_no_page(service: TrainingService) -> None:
    """Reconciling needs the grade that the learner may not see: it comes beside the project, for the LMS alone."""
    hidden = {"revision": 3, "score": None, "delivered_revision": None, "id": "s-1"}
    told = {**bundle(submissions=[hidden]), "grade_book": {"revision": 3, "score": 0.75, "delivered_revision": 2}}
    service.answer("POST", OPEN, told)
    block = in_a_course(service, show_correctness="never")
    block.spec = GRADED
    page = call(block, "open").json
    assert (page["grade"], "grade_book" in page) == (None, False)
    assert (block.score, block.grade_revision) == (0.75, 3)
    assert block.runtime.gradebook == {ADA.id: (0.75, 1.0)}
    told["grade_book"] = {"revision": 4, "score": 1.0, "delivered_revision": 4}
    service.answer("POST", OPEN, told)
    call(block, "open")
    assert block.grade_revision == 3, "what was delivered once is not taken again"
    block.rescore(only_if_higher=False)
    assert block.runtime.gradebook == {ADA.id: (1.0, 1.0)}
