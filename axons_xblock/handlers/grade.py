"""Grades arrive here: pushed by the service's signed callback, or pulled when the learner opens the exercise."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from axons_xblock import access, compat
from axons_xblock.errors import Problem, bad_request, gettext_noop
from axons_xblock.handlers import Json, is_share, json_object
from axons_xblock.tokens import verify_callback

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 64 * 1024
GRADE_BOOK = "grade_book"  # of the service's answer to an opening: it may tell what the learner is not to see yet


@dataclass(frozen=True)
class Grade:
    """A learner's score, 0 to 1, with the revision that orders it among the learner's scores."""

    revision: int
    score: float


class GradeAPI:
    """The grades of one block."""

    def __init__(self, block: Any) -> None:
        self.block = block

    def receive(self, request: Any) -> Json:
        """The service's callback. The platform checks nobody's access here: the signature is all there is.

        401 unsigned, 400 malformed, 403 for another exercise or learner, 404 unknown learner; 503 asks the service to
        send it again. An older revision is accepted and ignored.
        """
        if request.method != "POST":
            raise Problem(405, "method_not_allowed", gettext_noop("This address takes POST requests only."))
        if (request.content_length or 0) > MAX_BODY_BYTES:
            raise Problem(413, "too_large", gettext_noop("The grade is larger than any grade can be."))
        body: bytes = request.body
        claims = verify_callback(access.config_of(self.block), request.headers.get("Authorization"), body)
        data = json_object(body)
        grade = _grade(data)
        learner = str(claims["sub"])
        if claims["usage"] != compat.usage_id(self.block) or claims["course"] != compat.course_id(self.block):
            raise Problem(403, "wrong_usage", gettext_noop("This grade is for another exercise."))
        if data.get("usage") != claims["usage"]:
            raise Problem(403, "wrong_usage", gettext_noop("The grade and its signature name different exercises."))
        if data.get("learner") != learner:
            raise Problem(403, "wrong_learner", gettext_noop("The grade and its signature name different learners."))
        user = compat.user_by_anonymous_id(self.block, learner)
        if user is None:
            raise Problem(404, "unknown_learner", gettext_noop("Nobody here has this anonymous id."))
        # The lock comes first: binding reads the learner's state.
        with compat.grade_lock(self.block, learner) as held:
            if not held:
                raise Problem(503, "busy", gettext_noop("The learner's grade is being saved already. Send it again."))
            if not compat.bind_to(self.block, user):
                log.error("Axons: a grade for %s waits: no learner could be bound", compat.usage_id(self.block))
                raise Problem(503, "not_bound", gettext_noop("The learner's state is out of reach. Send it again."))
            applied = self._apply(grade, learner)
        if not applied and self.block.grade_revision < grade.revision:
            # Another request has just applied it, and may yet be rolled back: only what the fields hold is certain.
            raise Problem(503, "busy", gettext_noop("The learner's grade is being saved already. Send it again."))
        return {"status": "applied" if applied else "ignored", "revision": self.block.grade_revision}

    def reconcile(self, bundle: Json) -> None:
        """Take a grade that the callback has not brought. Never for a staff member who views as a learner.

        What was delivered once is not taken again: staff may have reset the learner's state on purpose.
        """
        grade = self.newest(bundle)
        if grade is None or compat.in_studio(self.block) or compat.masquerades(self.block):
            return
        if grade.revision <= self.block.grade_revision or grade.revision <= _delivered(bundle):
            return
        learner = str(compat.viewer(self.block).anonymous_id)
        with compat.grade_lock(self.block, learner) as held:
            if held:
                self._apply(grade, learner)

    @staticmethod
    def newest(bundle: Json) -> Grade | None:
        """The grade that the grade book should have. Of an older service: what its submissions amount to, the best
        score at the highest revision."""
        if GRADE_BOOK in bundle:
            grade = bundle[GRADE_BOOK]
            return None if grade is None else Grade(int(grade["revision"]), float(grade["score"]))
        project = bundle["project"]
        scored = [
            submission
            for submission in project.get("submissions") or []
            if submission.get("revision") is not None and submission.get("score") is not None
        ]
        if not scored:
            return None
        newest = max(scored, key=lambda submission: int(submission["revision"]))
        best = project.get("best_score")
        return Grade(int(newest["revision"]), float(newest["score"] if best is None else best))

    def _apply(self, grade: Grade, learner: str) -> bool:
        """Compare and set: only a higher revision changes anything. Whether it did."""
        applied = compat.applied_revisions(self.block, learner)
        if grade.revision <= max(self.block.grade_revision, applied.newest):
            return False
        self.block.grade_revision = grade.revision
        self.block.score = grade.score
        self.block.publish_grade()
        self.block.emit_completion(1.0)
        self.block.save()
        applied.remember(grade.revision)
        return True


def _delivered(bundle: Json) -> int:
    """The highest revision that this LMS has accepted before."""
    if GRADE_BOOK in bundle:
        return int((bundle[GRADE_BOOK] or {}).get("delivered_revision") or 0)
    submissions = bundle["project"].get("submissions") or []
    return max((int(submission.get("delivered_revision") or 0) for submission in submissions), default=0)


def _grade(data: Json) -> Grade:
    revision, score = data.get("revision"), data.get("score")
    if isinstance(revision, bool) or not isinstance(revision, int) or revision < 1:
        raise bad_request(gettext_noop("revision must be a whole number from 1."))
    if not is_share(score):
        raise bad_request(gettext_noop("score must be a number between 0 and 1."))
    if data.get("max_score") != 1:
        raise bad_request(gettext_noop("max_score must be 1."))
    return Grade(revision, float(score))
