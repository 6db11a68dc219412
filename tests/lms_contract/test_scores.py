"""Grades and completion, as the LMS records them."""

from pathlib import Path

import pytest

from axons_xblock import events
from tests.xblock.platform import UsageKey, anonymous
from tests.xblock.support import ADA, GRACE, GRADED, TrainingService, bundle, call, deliver, make_block, settings

STUDENT_CHANGES = (
    "uploads",
    "uploads_confirm",
    "uploads_discard",
    "training_set_create",
    "job_create",
    "job_cancel",
    "submission_create",
    "trash_put",
)


def test_a_graded_learner_is_complete_and_progress_is_never_emitted() -> None:
    block = make_block(user=anonymous(), spec=GRADED, weight=2.0)

    deliver(block)

    assert block.runtime.completions == {ADA.id: 1.0}
    assert {event for event, _ in block.runtime.journal} == {"rebind", "grade", "completion"}


def test_the_tracking_log_gets_documented_names_and_ids_alone(service: TrainingService) -> None:
    service.answer("POST", "/api/v1/jobs", {"id": "j-1", "kind": "training", "project": "p-1"}, 201)
    service.answer("POST", "/api/v1/submissions", {"id": "s-1", "model": "m-1", "state": "scoring"}, 201)
    service.answer("POST", "/api/v1/submissions/s-1/reviews", {"id": "s-1", "reviews": []}, 201)
    where = {"usage": str(UsageKey())}
    ada = make_block(spec=GRADED, xblock_settings=settings(service.url))
    call(ada, "job_create", {"kind": "training", "idempotency_key": "a"})
    call(ada, "submission_create", {"model": "m-1", "idempotency_key": "b"})
    assert ada.runtime.journal == [
        ("axons.job.ordered", {**where, "job": "j-1", "kind": "training"}),
        ("axons.model.handed_in", {**where, "submission": "s-1", "model": "m-1"}),
    ]
    grace = make_block(user=GRACE, spec=GRADED, xblock_settings=settings(service.url))
    call(grace, "staff_review", {"submission": "s-1", "comment": "Well done, Ada.", "idempotency_key": "c"})
    assert grace.runtime.journal == [("axons.submission.reviewed", {**where, "submission": "s-1"})]
    page = (Path(__file__).parents[2] / "docs" / "install-openedx.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in page for name in events.NAMES)


def test_what_the_service_refused_is_no_event(service: TrainingService) -> None:
    service.answer("POST", "/api/v1/submissions", {"detail": "No.", "code": "hand_in_closed"}, 409)
    block = make_block(spec=GRADED, xblock_settings=settings(service.url))
    assert call(block, "submission_create", {"model": "m-1", "idempotency_key": "k"}).status_code == 409
    assert block.runtime.journal == []


@pytest.mark.parametrize("handler", STUDENT_CHANGES)
def test_no_student_handler_publishes_a_grade_of_its_own(service: TrainingService, handler: str) -> None:
    service.answer("POST", "/api/v1/projects/open", bundle())
    block = make_block(spec=GRADED, xblock_settings=settings(service.url))
    forged = {"event_name": "grade", "event_type": "grade", "value": 1, "max_value": 1, "score": 1, "job": "j-1"}

    call(block, handler, {**forged, "idempotency_key": "k"})

    assert block.runtime.journal == []
    assert block.runtime.gradebook == {}
