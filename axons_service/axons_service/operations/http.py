"""How bodies are read and answers chosen: one kind of JSON, whatever a client's `Accept` says."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from rest_framework.exceptions import ParseError
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import JSONParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request


class StrictJSONParser(JSONParser):
    """JSON that every database of ours can keep: no NUL, no lone surrogates, no infinity, no bottomless nesting."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        """The parsed body. Raises ParseError, which is answered as problem 400 `body_malformed`."""
        try:
            parsed = super().parse(stream, media_type, parser_context)
            _check(parsed)
        except RecursionError as error:
            raise ParseError("It is nested too deeply.") from error
        return parsed


class JSONAlways(DefaultContentNegotiation):
    """There is one representation. A browser that asks for `text/event-stream` gets its problems as JSON too."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        only = next(iter(renderers))
        return only, str(only.media_type)


def _check(value: Any) -> None:
    match value:
        case str():
            if "\x00" in value:
                raise ParseError("Texts must not contain NUL (\\u0000).")
            if any("\ud800" <= character <= "\udfff" for character in value):
                raise ParseError("Texts must not contain half of a surrogate pair.")
        case float():
            if not math.isfinite(value):
                raise ParseError("Numbers must be finite.")
        case dict():
            for name, inner in value.items():
                _check(name)
                _check(inner)
        case list():
            for inner in value:
                _check(inner)
