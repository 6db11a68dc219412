"""Errors that a person reads: a sentence, a code for programs, and an HTTP status."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def gettext_noop(text: str) -> str:
    """Mark `text` for extraction; `Problem` translates it when it is shown."""
    return text


class Problem(Exception):
    """Something that the reader can act on.

    `message` is a sentence, in English; `values` fill its `{placeholders}` after translation. `errors` names the
    fields of a form: `[{"field": "hyperparameters.epochs.max", "message": "…"}]`.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        errors: list[dict[str, str]] | None = None,
        values: dict[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.errors = errors
        self.values = values or {}

    def sentence(self, gettext: Callable[[str], str] = gettext_noop) -> str:
        """The message in the reader's language."""
        text = gettext(self.message)
        return text.format(**self.values) if self.values else text

    def as_json(self, gettext: Callable[[str], str] = gettext_noop) -> dict[str, Any]:
        """The body of a handler's answer: `{"error": {"code", "message", "errors"?}}`."""
        error: dict[str, Any] = {"code": self.code, "message": self.sentence(gettext)}
        if self.errors is not None:
            error["errors"] = self.errors
        return {"error": error}


def bad_request(message: str, **values: object) -> Problem:
    """A request that no program of ours should have sent (400)."""
    return Problem(400, "bad_request", message, values=values)
