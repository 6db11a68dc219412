"""An author's instructions as safe HTML.

An LMS has no HTML sanitiser that every release ships, so this one is small and writes everything itself: what comes
out is the tags below, with no attribute but a link's address, and escaped text.
"""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser

_BLOCKS = ("p", "ul", "ol", "li", "h3", "h4", "blockquote", "pre")
_INLINE = ("b", "strong", "i", "em", "code", "a")
_VOID = ("br", "hr")
_DROPPED = ("script", "style", "template", "textarea", "title", "iframe", "noscript")
_MARKUP = re.compile(rf"</?(?:{'|'.join(_BLOCKS + _INLINE + _VOID)})\b[^>]*>", re.IGNORECASE)
_BLANK_LINE = re.compile(r"\n(?:[ \t]*\n)+")
_URL = re.compile(r"https?://[^\s<>\"']+")
_LINK = re.compile(r"(?:https?://|mailto:)[^\s<>\"']+", re.IGNORECASE)
_AFTER_URL = ".,;:!?)"


def to_html(text: str | None) -> str:
    """Simple HTML with everything else removed; text without markup becomes paragraphs, its addresses links."""
    text = (text or "").replace("\r\n", "\n").strip()
    if not _MARKUP.search(text):
        return "".join(f"<p>{_linked(paragraph)}</p>" for paragraph in _BLANK_LINE.split(text) if paragraph)
    writer = _Writer()
    writer.feed(text)
    writer.close()
    return writer.finish()


class _Writer(HTMLParser):
    """Writes what is allowed, closes what was left open, and drops the rest."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._parts: list[str] = []
        self._open: list[str] = []
        self._dropping = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _DROPPED:
            self._dropping += 1
        elif self._dropping:
            return
        elif tag in _VOID:
            self._parts.append(f"<{tag}>")
        elif tag == "a":
            address = (dict(attrs).get("href") or "").strip()
            if _LINK.fullmatch(address):
                self._parts.append(_anchor(address))
                self._open.append(tag)
        elif tag in _BLOCKS + _INLINE:
            self._parts.append(f"<{tag}>")
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in _DROPPED:
            self._dropping = max(0, self._dropping - 1)
        elif not self._dropping and tag in self._open:
            while self._close() != tag:
                pass

    def handle_data(self, data: str) -> None:
        if not self._dropping:
            self._parts.append(html.escape(data))

    def finish(self) -> str:
        while self._open:
            self._close()
        return "".join(self._parts)

    def _close(self) -> str:
        tag = self._open.pop()
        self._parts.append(f"</{tag}>")
        return tag


def _linked(text: str) -> str:
    """Plain text with line breaks, addresses as links."""
    parts: list[str] = []
    position = 0
    for match in _URL.finditer(text):
        address = match.group().rstrip(_AFTER_URL)
        parts.append(_escape(text[position : match.start()]))
        parts.append(f"{_anchor(address)}{html.escape(address)}</a>")
        position = match.start() + len(address)
    parts.append(_escape(text[position:]))
    return "".join(parts)


def _anchor(address: str) -> str:
    return f'<a href="{html.escape(address)}" target="_blank" rel="noopener noreferrer">'


def _escape(text: str) -> str:
    return html.escape(text).replace("\n", "<br>")
