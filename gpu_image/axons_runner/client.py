"""The runner API over HTTP. Every method sends one request; sending the same one again is safe, and callers do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import requests

from axons_runner.errors import Rejected, Superseded, Unavailable

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 15.0
UPLOAD_SECONDS = 120.0
BUSY = (408, 425, 429)
TOKEN_IS_GONE = (401, 403, 404, 410)


class ServiceClient:
    """Claims jobs with the pool's token, or with the runner's own. One instance per thread."""

    def __init__(self, service: str, pool_token: str) -> None:
        self.base = service.rstrip("/") + "/runner/v1"
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {pool_token}"

    def claim(self, runner: Mapping[str, Any], wait: int) -> dict[str, Any] | None:
        """Return an assignment, or None when there was none within ``wait`` seconds.

        Raises Unavailable, or Rejected when the pool token is not accepted.
        """
        body = {"runner": runner, "wait": wait}
        response = _send(self.session, "POST", f"{self.base}/claim", body, wait + ANSWER_SECONDS)
        if response.status_code == 204:
            return None
        if response.status_code in BUSY:
            raise Unavailable(_problem(response))
        if 400 <= response.status_code < 500:
            raise Rejected(_problem(response))
        return _json(response)

    def enrol(self, name: str, token_sha256: str) -> None:
        """Have the token of this hash accepted from now on, by the enrolment token that this client was made with.

        Raises Unavailable, or Rejected when the service knows no such runner or it has enrolled already.
        """
        body = {"name": name, "token_sha256": token_sha256}
        response = _send(self.session, "POST", f"{self.base}/enrol", body, ANSWER_SECONDS)
        if response.status_code in BUSY or (not response.ok and not _code(response)):
            raise Unavailable(_problem(response))  # a moment's overload, or a proxy's own words
        if not response.ok:
            raise Rejected(_problem(response))

    def attempt(self, assignment: Mapping[str, Any]) -> AttemptClient:
        """Return the client of one attempt, with its own token."""
        return AttemptClient(self.base, assignment["job"], assignment["attempt"], assignment["token"])


class AttemptClient:
    """Speaks for one attempt. Every method raises Superseded, Unavailable or Rejected."""

    def __init__(self, base: str, job: str, attempt: int, token: str) -> None:
        self.base = f"{base}/jobs/{job}"
        self.number = attempt
        self.headers = {"Authorization": f"Bearer {token}"}

    def events(self, seq: int, events: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Send a batch whose first event has number ``seq``; an empty one is a heartbeat."""
        return self._post("events", {"seq": seq, "events": list(events)})

    def uploads(self, purpose: str, files: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return where to put these files: [{"name", "key", "url", "method", "headers"}]."""
        return list(self._post("uploads", {"purpose": purpose, "files": list(files)})["files"])

    def checkpoint(self, body: Mapping[str, Any]) -> None:
        """Register an uploaded checkpoint."""
        self._post("checkpoints", body)

    def finish(self, body: Mapping[str, Any]) -> None:
        """End the attempt."""
        self._post("finish", body)

    def put(self, place: Mapping[str, Any], path: Path) -> None:
        """Upload a file to its presigned place. Any refusal is Unavailable: a fresh place may be asked for."""
        try:
            with path.open("rb") as content:
                response = requests.request(
                    place["method"],
                    place["url"],
                    data=content,
                    headers=place.get("headers") or {},
                    timeout=(CONNECT_SECONDS, UPLOAD_SECONDS),
                )
        except requests.RequestException as error:
            raise Unavailable(f"The object store does not answer ({type(error).__name__}).") from error
        if not response.ok:
            raise Unavailable(f"The object store answered {response.status_code}.")

    def _post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        # a fresh session each time: heartbeat, uploads and finish come from different threads
        with requests.Session() as session:
            session.headers.update(self.headers)
            url = f"{self.base}/{path}"
            response = _send(session, "POST", url, {"attempt": self.number, **body}, ANSWER_SECONDS)
        status = response.status_code
        if status == 409 or (status in TOKEN_IS_GONE and _code(response)):
            raise Superseded(_problem(response))
        if status in BUSY or (status in TOKEN_IS_GONE and not _code(response)):
            raise Unavailable(_problem(response))  # not the service's own words: a proxy, or a moment's overload
        if 400 <= status < 500:
            raise Rejected(_problem(response))
        return _json(response)


def _send(
    session: requests.Session, method: str, url: str, body: Mapping[str, Any], answer_seconds: float
) -> requests.Response:
    try:
        response = session.request(method, url, json=body, timeout=(CONNECT_SECONDS, answer_seconds))
    except requests.exceptions.InvalidJSONError as error:
        raise Rejected(f"This request is not JSON: {error}") from error
    except requests.RequestException as error:
        raise Unavailable(f"The service does not answer ({type(error).__name__}).") from error
    if response.status_code >= 500:
        raise Unavailable(f"The service answered {response.status_code}.")
    return response


def _json(response: requests.Response) -> dict[str, Any]:
    try:
        return dict(response.json()) if response.content else {}
    except ValueError as error:
        raise Unavailable("The service's answer is not JSON.") from error


def _code(response: requests.Response) -> str:
    try:
        return str(response.json().get("code") or "")
    except (ValueError, AttributeError):
        return ""


def _problem(response: requests.Response) -> str:
    return f"{response.status_code} {_code(response)} {response.text[:300]}".strip()
