"""The independent grade receiver: an LMS as the service sees one, with the XBlock's own check of the signature.

It applies revisions as the XBlock does (only higher ones), behind a proxy that refuses, repeats and loses answers.
"""

from __future__ import annotations

from axons_xblock.config import Config
from axons_xblock.errors import Problem
from axons_xblock.tokens import verify_callback
from tests.faults.chaos.ledger import Grade, Ledger
from tests.faults.chaos.wire import Message, answer

PATH = "/grades"


class Receiver:
    """Grades by learner and exercise."""

    def __init__(self, config: Config, ledger: Ledger) -> None:
        self.config = config
        self.ledger = ledger
        self.newest: dict[tuple[str, str], Grade] = {}

    async def handle(self, request: Message) -> Message:
        """One callback: 401 unsigned, 403 for another learner or exercise, else 200, applied or not."""
        if request.path != PATH or request.method != "POST":
            return answer(404, {})
        try:
            claims = verify_callback(self.config, request.header("Authorization"), request.body)
        except Problem:
            self.ledger.grade_calls["unsigned"] += 1
            return answer(401, {})
        data = request.json()
        if (data["learner"], data["usage"]) != (claims["sub"], claims["usage"]):
            self.ledger.grade_calls["mismatched"] += 1
            return answer(403, {})
        grade = Grade(
            data["learner"], data["usage"], data["revision"], data["score"], data["submission"], data["reason"]
        )
        known = self.newest.get((grade.learner, grade.usage))
        if known is not None and grade.revision <= known.revision:
            self.ledger.grade_calls["ignored"] += 1
            return answer(200, {"status": "ignored"})
        self.newest[grade.learner, grade.usage] = grade
        self.ledger.grades.append(grade)
        self.ledger.grade_calls["applied"] += 1
        return answer(200, {"status": "applied"})
