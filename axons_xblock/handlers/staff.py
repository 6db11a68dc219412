"""What a grader does: looks at submissions and reviews them. Names are joined here and never leave the LMS."""

from __future__ import annotations

from typing import Any

from axons_xblock import access, compat, events
from axons_xblock.errors import Problem, bad_request, gettext_noop
from axons_xblock.handlers import Json, is_share, require_id, require_idempotency_key


class StaffAPI:
    """The staff handlers of one block; each checks the role anew."""

    def __init__(self, block: Any) -> None:
        self.block = block
        self._names: dict[str, dict[str, str]] = {}

    def submissions(self, data: Json) -> Json:
        """A page of this exercise's submissions, each with the learner's `name` and `username`."""
        access.require_staff(self.block)
        query: dict[str, str | int] = {"usage": compat.usage_id(self.block)}
        cursor = data.get("cursor")
        if cursor is not None:
            if not isinstance(cursor, (str, int)) or isinstance(cursor, bool):
                raise bad_request(gettext_noop("cursor must be what the page before it gave."))
            query["cursor"] = cursor
        page: Json = access.client_of(self.block).get("/submissions", query)
        return {**page, "results": [self._with_names(submission) for submission in page["results"]]}

    def review(self, data: Json) -> Json:
        """Append a review: a comment, an override of the score, or the removal of one."""
        access.require_staff(self.block)
        submission = require_id(data, "submission")
        key = require_idempotency_key(data)
        body: Json = {"score": _score(data.get("score")), "comment": data.get("comment") or ""}
        if not isinstance(body["comment"], str):
            raise bad_request(gettext_noop("comment must be a text."))
        if data.get("clear") is True:
            body["clear"] = True
        body |= {name: data[name] for name in ("rubric", "reason", "returns") if data.get(name)}
        client = access.client_of(self.block)
        reviewed: Json = client.post(f"/submissions/{submission}/reviews", body, idempotency_key=key)
        events.emit(self.block, events.SUBMISSION_REVIEWED, submission=submission)
        return self._with_names(reviewed)

    def leakage(self, data: Json) -> Json:
        """A page of the training sets that hold pictures of the hidden test set, each with the learner's name."""
        access.require_staff(self.block)
        cursor = data.get("cursor")
        if cursor is not None and not isinstance(cursor, str):
            raise bad_request(gettext_noop("cursor must be what the page before it gave."))
        page: Json = access.client_of(self.block).get("/leakage", {"cursor": cursor} if cursor else None)
        return {**page, "results": [{**each, **self._name_of(str(each["learner"] or ""))} for each in page["results"]]}

    def hidden(self, data: Json) -> Json:
        """A page of the hidden test set's pictures, of one class or of all."""
        access.require_staff(self.block)
        query = {name: data[name] for name in ("label", "after", "limit") if data.get(name) is not None}
        kinds = {"label": str, "after": str, "limit": int}
        if not all(type(value) is kinds[name] for name, value in query.items()):
            raise bad_request(gettext_noop("label and after must be text, and limit a number."))
        page: Json = access.client_of(self.block).get("/hidden-test-set", query or None)
        return page

    def _with_names(self, submission: Json) -> Json:
        reviews = [
            {**review, "grader_name": self._name_of(str(review.get("grader") or ""))["name"]}
            for review in submission.get("reviews") or []
        ]
        return {**submission, **self._name_of(str(submission.get("learner") or "")), "reviews": reviews}

    def _name_of(self, learner: str) -> dict[str, str]:
        if learner not in self._names:
            self._names[learner] = compat.names(self.block, learner)
        return self._names[learner]


def _score(value: object) -> float | None:
    if value is not None and not is_share(value):
        raise Problem(422, "score_out_of_range", gettext_noop("The score must be a number between 0 and 1."))
    return None if value is None else float(value)
