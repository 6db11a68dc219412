"""What an educator asks first: who has not begun, who is stuck. Names are joined here and never leave the LMS."""

from __future__ import annotations

from typing import Any

from axons_xblock import access, compat, roster
from axons_xblock.errors import bad_request, gettext_noop
from axons_xblock.handlers import Json

PAGE = 50
IDS = 200  # the service gives no more at once
SHOWN = 1000  # names of those who have not begun


class OverviewAPI:
    """The handlers of the class overview; each checks the role anew."""

    def __init__(self, block: Any) -> None:
        self.block = block

    def summary(self, data: Json) -> Json:
        """The class at a glance."""
        access.require_staff(self.block)
        return dict(access.client_of(self.block).get("/overview"))

    def learners(self, data: Json) -> Json:
        """A page of the learners who opened the exercise, each with `name` and `username`."""
        access.require_staff(self.block)
        query: dict[str, str | int] = {}
        for name in ("cursor", "standing"):
            value = data.get(name)
            if value is not None and not isinstance(value, str):
                raise bad_request(gettext_noop("{field} must be a text."), field=name)
            if value is not None:
                query[name] = value
        page: Json = access.client_of(self.block).get("/overview/learners", {**query, "limit": PAGE})
        names = roster.names_of(self.block, [str(each["learner"]) for each in page["results"]])
        return {**page, "results": [{**each, **names[str(each["learner"])]} for each in page["results"]]}

    def not_started(self, data: Json) -> Json:
        """Who is enrolled and has not opened the exercise: `count`, and `results` by name, the first thousand.

        `enrolled` is null where the platform does not say who is enrolled.
        """
        access.require_staff(self.block)
        people = compat.enrolled(self.block)
        if people is None:
            return {"enrolled": None, "count": 0, "results": []}
        opened = self._opened()
        missing = [each for each in people if not each.anonymous_ids & opened]
        names = [{"name": each.name, "username": each.username} for each in missing[:SHOWN]]
        return {"enrolled": len(people), "count": len(missing), "results": names}

    def _opened(self) -> set[str]:
        client = access.client_of(self.block)
        found: set[str] = set()
        query: dict[str, str | int] = {"limit": IDS}
        while True:
            page = client.get("/overview/learners", query)
            found.update(str(each["learner"]) for each in page["results"])
            if page["next"] is None:
                return found
            query["cursor"] = page["next"]
