"""A person of the demo LMS, without a browser: session, CSRF token, and the exercise's handlers."""

from __future__ import annotations

import re
import uuid
from typing import Any

import requests

from axons_demo.errors import DemoError

COURSE = "course-v1:Axons+SEE101+2026"


def usage(block_id: str) -> str:
    return f"block-v1:{COURSE.removeprefix('course-v1:')}+type@axons+block@{block_id}"


class HandlerError(DemoError):
    """A handler refused; `code` and `status` say how."""

    def __init__(self, handler: str, status: int, code: str, message: str) -> None:
        super().__init__(f"{handler} answered {status} {code}: {message}")
        self.status = status
        self.code = code
        self.sentence = message


class Person:
    """Someone logged in to the demo LMS."""

    def __init__(self, lms_url: str, username: str) -> None:
        self.lms_url = lms_url
        self.username = username
        self.session = requests.Session()
        self.session.get(lms_url, timeout=10).raise_for_status()
        answer = self.session.post(
            f"{lms_url}/become/", data={"username": username}, headers=self._csrf(), allow_redirects=False, timeout=10
        )
        if answer.status_code != 302:
            raise DemoError(f"the demo LMS did not let {username} in (status {answer.status_code}).")

    def _csrf(self) -> dict[str, str]:
        return {"X-CSRFToken": str(self.session.cookies.get("csrftoken"))}

    def page(self, path: str) -> str:
        answer = self.session.get(self.lms_url + path, timeout=20)
        if answer.status_code != 200:
            raise DemoError(f"{path} answered {answer.status_code}.")
        return answer.text

    def exercise(self, block_id: str) -> Exercise:
        return Exercise(self, block_id)

    def grades(self) -> dict[str, tuple[float, float]]:
        """The grade book as course staff see it: username → earned and possible points of the first exercise."""
        found = {}
        for row in re.findall(r'<tr data-student="(\w+)">(.*?)</tr>', self.page("/instructor/gradebook/"), re.DOTALL):
            cell = re.search(r"<strong>([\d.]+)</strong>\s*/\s*([\d.]+)", row[1])
            if cell:
                found[row[0]] = (float(cell[1]), float(cell[2]))
        return found


class Exercise:
    """One exercise, through its XBlock handlers alone."""

    def __init__(self, person: Person, block_id: str) -> None:
        self.person = person
        self.base = f"{person.lms_url}/courses/{COURSE}/xblock/{usage(block_id)}/handler/"

    def call(self, handler: str, body: dict[str, Any] | None = None) -> Any:
        """The handler's answer. Raises HandlerError with its code and sentence."""
        answer = self.person.session.post(self.base + handler, json=body or {}, headers=self.person._csrf(), timeout=60)
        try:
            content = answer.json()
        except ValueError:
            raise HandlerError(handler, answer.status_code, "no_json", answer.text[:200]) from None
        if answer.status_code >= 400:
            error = content.get("error", {})
            raise HandlerError(handler, answer.status_code, error.get("code", ""), error.get("message", ""))
        return content

    def change(self, handler: str, body: dict[str, Any]) -> Any:
        """A call that is made once, however often it is repeated."""
        return self.call(handler, {**body, "idempotency_key": uuid.uuid4().hex})

    def read(self, path: str, **query: Any) -> Any:
        return self.call("read", {"path": path, "query": query})

    def upload(self, files: list[tuple[str, bytes, str]], purpose: str) -> dict[str, str]:
        """Upload through presigned URLs. Returns file name → upload id; files refused up front are absent."""
        listed = [{"name": name, "bytes": len(content), "content_type": kind} for name, content, kind in files]
        answer = self.call("uploads", {"files": listed, "purpose": purpose})
        contents = {name: content for name, content, _ in files}
        for place in answer["uploads"]:
            sent = requests.request(
                place["method"], place["url"], data=contents[place["name"]], headers=place["headers"], timeout=60
            )
            if sent.status_code >= 300:
                raise DemoError(f"the object store refused {place['name']}: {sent.status_code} {sent.text[:200]}")
        return {place["name"]: place["id"] for place in answer["uploads"]}
