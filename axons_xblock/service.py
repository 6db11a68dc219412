"""The HTTP client of the training service: one signed request per call, every failure a sentence."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import requests

from axons_xblock.config import Config
from axons_xblock.errors import Problem, gettext_noop
from axons_xblock.tokens import Identity, mint

log = logging.getLogger(__name__)

API = "/api/v1"
CONNECT_TIMEOUT_SECONDS = 3.05
UNAVAILABLE = gettext_noop("The training service does not answer. Your work is safe; try again in a moment.")


def unavailable() -> Problem:
    """The one answer to every way in which the service may be out of reach."""
    return Problem(503, "service_unavailable", UNAVAILABLE)


class ServiceClient:
    """Speaks for one identity. `path` is below `/api/v1`, with a leading slash."""

    def __init__(self, config: Config, identity: Identity) -> None:
        self.config = config
        self.identity = identity
        self._session = requests.Session()

    def get(self, path: str, query: Mapping[str, str | int] | None = None) -> Any:
        """GET, the decoded JSON; raises `Problem`."""
        return self._send("GET", path, query=query)

    def get_text(self, path: str) -> str:
        """GET of what the service answers as a plain text, such as a job's log; raises `Problem`."""
        text: str = self._send("GET", path, text=True)
        return text

    def post(self, path: str, body: Mapping[str, Any], *, idempotency_key: str | None = None) -> Any:
        """POST `body` as JSON, the decoded JSON; raises `Problem`."""
        return self._send("POST", path, body=body, idempotency_key=idempotency_key)

    def _send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int] | None = None,
        body: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
        text: bool = False,
    ) -> Any:
        headers = {"Authorization": f"Bearer {mint(self.config, self.identity)}", "Accept": "application/json"}
        if idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key
        timeout = self.config.timeout_seconds
        try:
            with self._session.request(
                method,
                f"{self.config.service_url}{API}{path}",
                params=dict(query or {}),
                json=body,
                headers=headers,
                timeout=(min(CONNECT_TIMEOUT_SECONDS, timeout), timeout),
                allow_redirects=False,  # a redirect would carry the signature to another address
            ) as response:
                if text and response.ok and not response.is_redirect:
                    return response.content.decode(errors="replace")
                return _decode(method, path, response)
        except requests.RequestException as error:
            log.warning("Axons: %s %s failed: %s", method, path, error)
            raise unavailable() from error


def _decode(method: str, path: str, response: requests.Response) -> Any:
    """The JSON of a 2xx answer, or the `Problem` that the answer stands for."""
    try:
        answer = response.json()
    except ValueError:
        answer = None
    if response.ok and not response.is_redirect and answer is not None:
        return answer
    log.warning("Axons: %s %s answered %s: %.500s", method, path, response.status_code, response.text)
    if response.status_code in (502, 503, 504):
        raise unavailable()
    problem = answer if isinstance(answer, dict) and "detail" in answer else None
    if response.status_code == 401:
        # Our signature, not the reader's log-in, was refused.
        raise Problem(
            502,
            "site_refused",
            gettext_noop(
                "The training service does not accept this site's signature. Your work is safe; "
                "please tell your course team."
            ),
        )
    if problem is None or response.status_code >= 500 or response.status_code < 400:
        raise Problem(
            502,
            "service_error",
            gettext_noop("The training service made a mistake. This is our fault, your attempt was not used."),
        )
    raise Problem(
        response.status_code,
        str(problem.get("code") or "refused"),
        str(problem["detail"]),
        errors=_field_errors(problem.get("errors")),
    )


def _field_errors(errors: object) -> list[dict[str, str]] | None:
    if not isinstance(errors, list):
        return None
    return [
        {"field": str(error.get("field", "")), "message": str(error.get("message", ""))}
        for error in errors
        if isinstance(error, dict)
    ]
