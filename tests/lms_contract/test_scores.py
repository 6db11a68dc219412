"""Grades and completion, as the LMS records them."""

import pytest

from tests.xblock.platform import anonymous
from tests.xblock.support import ADA, GRADED, TrainingService, bundle, call, deliver, make_block, settings

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


@pytest.mark.parametrize("handler", STUDENT_CHANGES)
def test_no_student_handler_publishes_a_grade_of_its_own(service: TrainingService, handler: str) -> None:
    service.answer("POST", "/api/v1/projects/open", bundle())
    block = make_block(spec=GRADED, xblock_settings=settings(service.url))
    forged = {"event_name": "grade", "event_type": "grade", "value": 1, "max_value": 1, "score": 1, "job": "j-1"}

    call(block, handler, {**forged, "idempotency_key": "k"})

    assert block.runtime.journal == []
    assert block.runtime.gradebook == {}
