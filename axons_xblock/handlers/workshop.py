"""The workshop in Studio: an author uploads or forks a starter set, works on it, and publishes it into the library.

The pictures are sent and prepared as a student's are; only whose project it is differs, and that nothing is trained.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from axons_xblock import access
from axons_xblock.errors import Problem, bad_request, gettext_noop
from axons_xblock.handlers import Json, require_id, require_idempotency_key, without_idempotency_key
from axons_xblock.handlers.student import SET_ACTIONS, StudentAPI
from axons_xblock.service import ServiceClient

SHARED = ("read", *SET_ACTIONS)
ACTIONS = ("open", *SHARED, "fork", "publish", "publication")


class WorkshopAPI(StudentAPI):
    """The workshop of one author at one block."""

    def act(self, action: str, data: Json) -> Any:
        """Do one of `ACTIONS`; each checks anew that the viewer is of the course team, and in Studio."""
        access.require_author(self.block)
        own: dict[str, Callable[[Json], Any]] = {
            "open": self.open,
            "fork": self._fork,
            "publish": self._publish,
            "publication": self._publication,
        }
        if action in own:
            return own[action](data)
        if action in SHARED:
            return getattr(self, action)(data)
        raise Problem(404, "not_found", gettext_noop("There is nothing to do at this path."))

    def open(self, data: Json) -> Json:
        """Register the workshop; everything that its page needs to begin."""
        return {
            **self._open_workshop(data.get("task")),
            "now": time.time(),
            "user": {"role": "author", "can_grade": False},
            "grade": None,
            "block": {"display_name": self.block.display_name, "weight": 0, "due": None},
        }

    def _client(self) -> ServiceClient:
        return access.workshop_client_of(self.block)

    def _open_workshop(self, task: object) -> Json:
        if task is not None and not isinstance(task, str):
            raise bad_request(gettext_noop("{field} must be a text."), field="task")
        client = self._client()
        bundle: Json = client.post("/workshop/open", {"task": task})
        return self._with_public_urls(client, bundle)

    def _own_project(self) -> str:
        return str(self._open_workshop(None)["project"]["id"])

    def _fork(self, data: Json) -> Any:
        body = {"base": require_id(data, "base")}
        return self._client().post("/workshop/forks", body, idempotency_key=require_idempotency_key(data))

    def _publish(self, data: Json) -> Any:
        key = require_idempotency_key(data)
        return self._client().post("/workshop/publications", without_idempotency_key(data), idempotency_key=key)

    def _publication(self, data: Json) -> Any:
        return self._client().get(f"/workshop/publications/{require_id(data, 'publication')}")
