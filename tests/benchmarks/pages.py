"""Sections of `docs/performance.md` that benchmarks write, each between two comments that name it."""

from __future__ import annotations

import re
from pathlib import Path

SECTION = re.compile(r"<!-- (?P<name>[a-z-]+) begin -->\n.*?<!-- (?P=name) end -->\n", re.DOTALL)


def section_write(path: Path, name: str, text: str) -> None:
    """Put ``text`` where the section ``name`` of this page is, or at its end when it has none."""
    page = path.read_text() if path.exists() else ""
    section = f"<!-- {name} begin -->\n{text.strip()}\n<!-- {name} end -->\n"
    found = [match for match in SECTION.finditer(page) if match["name"] == name]
    if not found:
        path.write_text(page.rstrip("\n") + "\n\n" + section)
        return
    path.write_text(page[: found[0].start()] + section + page[found[0].end() :])


def sections(path: Path) -> str:
    """Return all named sections of this page, to be kept by who rewrites the rest of it."""
    page = path.read_text() if path.exists() else ""
    return "".join(f"\n{match[0]}" for match in SECTION.finditer(page))
