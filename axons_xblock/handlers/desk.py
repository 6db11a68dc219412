"""The graders' desk: what it asks of the service, with the LMS's names put in. Each action checks the role anew."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from axons_xblock import access, roster
from axons_xblock.errors import Problem, bad_request, gettext_noop
from axons_xblock.handlers import Json, require_id, require_idempotency_key
from axons_xblock.service import ServiceClient
from axons_xblock.spec import spec_hash

FILTERS = ("sort", "state", "needs_review", "overridden", "min_score", "max_score")
MAX_NAMES = 200
MAX_TEXT = 100


class DeskAPI:
    """The desk of one block."""

    def __init__(self, block: Any) -> None:
        self.block = block
        self.actions: dict[str, Callable[[ServiceClient, Json], Any]] = {
            "list": self._list,
            "open": lambda client, data: client.get(f"/submissions/{require_id(data, 'submission')}/desk"),
            "lock": self._lock,
            "allowance": self._allowance,
            "note": self._note,
            "preview": self._preview,
            "start": self._start,
            "tasks": lambda client, data: client.get("/desk/tasks", _cursor(data)),
            "task": lambda client, data: client.get(f"/desk/tasks/{require_id(data, 'task')}"),
            "stop": lambda client, data: client.post(f"/desk/tasks/{require_id(data, 'task')}/stop", {}),
            "names": self._names,
            "groups": lambda client, data: {
                "cohorts": roster.groups_of(self.block, roster.COHORTS),
                "teams": roster.groups_of(self.block, roster.TEAMS),
            },
            "link": self._link,
        }

    def act(self, data: Json) -> Any:
        """Do what `action` names, and put names beside anonymous ids in what comes back."""
        access.require_staff(self.block)
        action = self.actions.get(str(data.get("action")))
        if action is None:
            raise bad_request(gettext_noop("action must be one of {names}."), names=", ".join(sorted(self.actions)))
        return with_names(self.block, action(access.client_of(self.block), data))

    def redeem(self, token: str) -> None:
        """Spend a link to the full page; raises `link_spent` from the second time on."""
        access.require_staff(self.block)
        access.client_of(self.block).post("/desk/links/redeem", {"token": token[:MAX_TEXT]})

    def _list(self, client: ServiceClient, data: Json) -> Any:
        query: Json = {name: data[name] for name in FILTERS if data.get(name) not in (None, "")}
        query |= _cursor(data)
        wish = {"text": _text(data, "text", MAX_TEXT), "cohort": _text(data, "cohort", 255)}
        wish["team"] = _text(data, "team", 255)
        if not any(wish.values()):
            return client.post("/submissions/search", query)
        return client.post("/submissions/search", {**query, "learners": roster.learners_of(self.block, **wish)})

    def _lock(self, client: ServiceClient, data: Json) -> Any:
        wish = {"action": _text(data, "wish", 20)}
        return client.post(f"/submissions/{require_id(data, 'submission')}/lock", wish)

    def _allowance(self, client: ServiceClient, data: Json) -> Any:
        body = {name: data.get(name) for name in ("extra_tries", "extended_until", "reason")}
        path = f"/submissions/{require_id(data, 'submission')}/allowance"
        return client.post(path, body, idempotency_key=require_idempotency_key(data))

    def _note(self, client: ServiceClient, data: Json) -> Any:
        path = f"/submissions/{require_id(data, 'submission')}/notes"
        return client.post(path, {"text": data.get("text")}, idempotency_key=require_idempotency_key(data))

    def _preview(self, client: ServiceClient, data: Json) -> Any:
        submission = require_id(data, "submission") if data.get("submission") is not None else None
        return client.post("/desk/regrade-preview", {"spec_hash": self._spec_hash(), "submission": submission})

    def _start(self, client: ServiceClient, data: Json) -> Any:
        body: Json = {"kind": _text(data, "kind", 20), "reason": _text(data, "reason", 2000)}
        if body["kind"] == "regrade":
            body["spec_hash"] = self._spec_hash()
            body["submission"] = require_id(data, "submission") if data.get("submission") is not None else None
        return client.post("/desk/tasks", body, idempotency_key=require_idempotency_key(data))

    def _names(self, client: ServiceClient, data: Json) -> Any:
        ids = data.get("learners")
        if not isinstance(ids, list) or len(ids) > MAX_NAMES or not all(isinstance(each, str) for each in ids):
            raise bad_request(gettext_noop("learners must be a list of at most {most} anonymous ids."), most=MAX_NAMES)
        return {"names": roster.names_of(self.block, ids)}

    def _link(self, client: ServiceClient, data: Json) -> Any:
        made = client.post("/desk/links", {})
        url = str(self.block.runtime.handler_url(self.block, "desk")).rstrip("?")
        joint = "&" if "?" in url else "?"
        return {"url": f"{url}{joint}link={made['token']}", "expires_at": made["expires_at"]}

    def _spec_hash(self) -> str:
        """The spec that the exercise has now."""
        return spec_hash(self.block.effective_spec())


def with_names(block: Any, answer: Any) -> Any:
    """The answer with `name` and `username` beside every `learner`, and `grader_name` beside every `grader`."""
    names = roster.names_of(block, _ids(answer))

    def named(value: Any) -> Any:
        if isinstance(value, list):
            return [named(each) for each in value]
        if not isinstance(value, dict):
            return value
        fresh = {key: named(each) for key, each in value.items()}
        learner, grader = value.get("learner"), value.get("grader")
        if isinstance(learner, str) and learner:
            fresh |= names[learner]
        if isinstance(grader, str):
            fresh["grader_name"] = names[grader]["name"] if grader else ""
        return fresh

    return named(answer)


def _ids(value: Any) -> set[str]:
    if isinstance(value, list):
        return set().union(*(_ids(each) for each in value))
    if not isinstance(value, dict):
        return set()
    own = {each for each in (value.get("learner"), value.get("grader")) if isinstance(each, str) and each}
    return own.union(*(_ids(each) for each in value.values()))


def _cursor(data: Json) -> dict[str, str]:
    cursor = data.get("cursor")
    if cursor is not None and not isinstance(cursor, str):
        raise bad_request(gettext_noop("cursor must be what the page before it gave."))
    return {"cursor": cursor} if cursor else {}


def _text(data: Json, name: str, most: int) -> str:
    value = data.get(name) or ""
    if not isinstance(value, str) or len(value) > most:
        raise Problem(
            400,
            "bad_request",
            gettext_noop("{field} must be a text of at most {most} letters."),
            values={"field": name, "most": most},
        )
    return value.strip()
