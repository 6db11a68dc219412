"""What a student does: opens the exercise, reads, uploads, trains, tries, hands in. The service keeps the state."""

from __future__ import annotations

import logging
import re
import time
from typing import Any

from axons_xblock import access, compat, events
from axons_xblock.errors import Problem, bad_request, gettext_noop
from axons_xblock.handlers import Json, require_id, require_idempotency_key, without_idempotency_key
from axons_xblock.handlers.grade import GRADE_BOOK, GradeAPI
from axons_xblock.service import API, ServiceClient

log = logging.getLogger(__name__)

# what makes, changes and deletes training sets: in the exercise, and in the author's workshop
SET_ACTIONS = (
    "uploads",
    "uploads_confirm",
    "uploads_discard",
    "training_set_create",
    "training_set_change",
    "training_set_revert",
    "training_set_import",
    "export_create",
    "trash_put",
    "trash_restore",
    "trash_purge",
)

_ID = r"(?P<id>[0-9A-Za-z_-]{1,64})"
_READABLE = [
    re.compile(pattern.format(id=_ID))
    for pattern in (
        r"/uploads",
        r"/leaderboard",
        r"/training-sets/{id}(/images|/report)?",
        r"/exports/{id}",
        r"/jobs/{id}(/metrics|/batch)?",
        r"/models/{id}",
        r"/predictions/{id}",
        r"/submissions/{id}",
    )
]
_LOG = re.compile(rf"/jobs/{_ID}/log")
_PROJECT = re.compile(rf"/projects/{_ID}(/events|/trash|/training-sets)?")
_TRASH_KINDS = ("training_set", "job", "model", "project")
_QUERY = {"after", "cursor", "label", "split", "limit", "show", "purpose"}


class StudentAPI:
    """The student handlers of one block."""

    def __init__(self, block: Any) -> None:
        self.block = block

    def open(self, data: Json) -> Json:
        """Register the exercise and the viewer's project; everything that the page needs to begin."""
        bundle = self._open_project()
        GradeAPI(self.block).reconcile(bundle)
        bundle.pop(GRADE_BOOK, None)
        self._note_tried_model(bundle)
        role = access.role(self.block)
        deadline = compat.deadline(self.block)
        # also kept back until the end of a grader's extension, which the LMS does not know of
        score = None if bundle["project"].get("results_withheld") else self.block.shown_score()
        return {
            **bundle,
            "user": {"role": role, "can_grade": role == "grader"},
            "grade": {"earned": score.raw_earned, "possible": score.raw_possible} if score else None,
            "block": {
                "display_name": self.block.display_name,
                "weight": self.block.max_score(),
                "due": deadline.due.isoformat() if deadline else None,
            },
            "now": time.time(),
        }

    def read(self, data: Json) -> Any:
        """A GET of the service, for pages that cannot reach it: what a page needs, of the caller's project. A log is
        a text at the service, and a JSON string here."""
        path = data.get("path")
        query = data.get("query", {})
        if not isinstance(path, str) or not isinstance(query, dict):
            raise bad_request(gettext_noop("path must be a text and query an object."))
        if not set(query) <= _QUERY or not all(_is_scalar(value) for value in query.values()):
            message = gettext_noop("query may hold {names}, each a text or a whole number.")
            raise bad_request(message, names=", ".join(sorted(_QUERY)))
        client = self._client()
        project = _PROJECT.fullmatch(path)
        if _LOG.fullmatch(path):
            return client.get_text(path)
        if project:
            self._require_own_project(project["id"])
        elif not any(pattern.fullmatch(path) for pattern in _READABLE):
            raise Problem(404, "not_found", gettext_noop("There is nothing to read at this path."))
        return client.get(path, query)

    def uploads(self, data: Json) -> Any:
        """Presigned places for pictures: files never pass through the LMS."""
        return self._change("/uploads", data)

    def uploads_confirm(self, data: Json) -> Any:
        """Which pictures the store really has."""
        return self._change("/uploads/confirm", data)

    def uploads_discard(self, data: Json) -> Any:
        """Throw pictures away that nothing has taken."""
        return self._change("/uploads/discard", data)

    def training_set_create(self, data: Json) -> Any:
        """The next version of a training set."""
        return self._change("/training-sets", data, idempotent=True)

    def training_set_change(self, data: Json) -> Any:
        """A new version by hand: pictures left out, taken in or moved, classes renamed, the split made anew."""
        return self._change_set("changes", data)

    def training_set_revert(self, data: Json) -> Any:
        """A new version that is what an older one was."""
        return self._change_set("revert", data)

    def training_set_import(self, data: Json) -> Any:
        """A training set from an uploaded zip."""
        return self._change("/training-sets/imports", data, idempotent=True)

    def export_create(self, data: Json) -> Any:
        """Ask for a training set as a zip."""
        return self._change(f"/training-sets/{require_id(data, 'training_set')}/exports", {})

    def job_create(self, data: Json) -> Any:
        """Ask for a training or an inference."""
        job = self._change("/jobs", data, idempotent=True)
        log.info("Axons: job %s was ordered in %s", job.get("id"), compat.usage_id(self.block))
        events.emit(self.block, events.JOB_ORDERED, job=job.get("id"), kind=job.get("kind"))
        return job

    def job_cancel(self, data: Json) -> Any:
        """Ask a job to stop."""
        return self._change(f"/jobs/{require_id(data, 'job')}/cancel", {})

    def submission_create(self, data: Json) -> Any:
        """Hand in a model."""
        submission = self._change("/submissions", data, idempotent=True)
        ids = {name: submission.get(key) for name, key in (("submission", "id"), ("model", "model"))}
        events.emit(self.block, events.MODEL_HANDED_IN, **ids)
        return submission

    def trash_put(self, data: Json) -> Any:
        """Delete a training set, run or model of the viewer's, or all of them, with 14 days to undo it."""
        kind = data.get("kind")
        if kind not in _TRASH_KINDS:
            raise bad_request(gettext_noop("kind must be one of {names}."), names=", ".join(_TRASH_KINDS))
        return self._change(self._trash(), {"kind": kind, "object": require_id(data, "object")})

    def trash_restore(self, data: Json) -> Any:
        """Undo a deletion."""
        return self._change(f"{self._trash()}/{require_id(data, 'entry')}/restore", {})

    def trash_purge(self, data: Json) -> Any:
        """Delete for good what is in the trash."""
        return self._change(f"{self._trash()}/{require_id(data, 'entry')}/delete", {})

    def current_score(self) -> float | None:
        """The learner's score at the service, 0 to 1, for a rescore; None without a scored submission."""
        newest = GradeAPI.newest(self._open_project())
        return newest.score if newest else None

    def _client(self) -> ServiceClient:
        return access.client_of(self.block)

    def _own_project(self) -> str:
        return str(self.block.project)

    def _open_project(self) -> Json:
        client = self._client()
        body = {"spec": self.block.effective_spec(), "callback_url": compat.callback_url(self.block)}
        bundle: Json = client.post("/projects/open", body)
        project = str(bundle["project"]["id"])
        if self.block.project != project:
            self.block.project = project
        return self._with_public_urls(client, bundle)

    @staticmethod
    def _with_public_urls(client: ServiceClient, bundle: Json) -> Json:
        public_url = client.config.service_public_url
        if public_url:
            bundle["api_url"] = f"{public_url}{API}"
            bundle["stream_url"] = f"{public_url}{API}/projects/{bundle['project']['id']}/stream"
        return bundle

    def _change(self, path: str, data: Json, *, idempotent: bool = False) -> Any:
        client = self._client()
        access.require_self(self.block)
        key = require_idempotency_key(data) if idempotent else None
        return client.post(path, without_idempotency_key(data), idempotency_key=key)

    def _trash(self) -> str:
        access.require_self(self.block)
        project = self._own_project()
        if not project:
            raise Problem(404, "project_not_open", gettext_noop("This exercise was not opened yet. Reload the page."))
        return f"/projects/{project}/trash"

    def _change_set(self, what: str, data: Json) -> Any:
        path = f"/training-sets/{require_id(data, 'training_set')}/{what}"
        body = {name: value for name, value in data.items() if name != "training_set"}
        return self._change(path, body, idempotent=True)

    def _require_own_project(self, project: str) -> None:
        if access.role(self.block) == "learner" and project != self.block.project:
            raise Problem(403, "not_your_project", gettext_noop("This is not your project. Reload the page."))

    def _note_tried_model(self, bundle: Json) -> None:
        """An inference-only exercise is not graded: having tried its model completes it."""
        project = bundle["project"]
        tables = [job for job in project.get("jobs") or [] if job.get("batch") and job.get("state") == "succeeded"]
        tried = bool(project.get("predictions") or tables)
        if tried and not self.block.is_graded() and not compat.masquerades(self.block):
            self.block.emit_completion(1.0)


def _is_scalar(value: object) -> bool:
    return isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool))
