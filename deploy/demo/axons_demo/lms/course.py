"""The demo course: its outline from OLX, and its blocks' authored fields in the database."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from django.contrib.auth.models import AnonymousUser
from lxml import etree
from xblock.fields import ScopeIds

from axons_demo.home import REPOSITORY
from axons_demo.lms.locators import UsageKey, usage_key
from axons_demo.lms.runtime import LmsRuntime
from axons_demo.lms.storage import BlockStateStore, studio_field_data

OLX = REPOSITORY / "course_content" / "course"


@dataclass(frozen=True)
class Piece:
    """One block of a unit: `html` for a text, a usage key for an XBlock."""

    node: Any = field(repr=False)
    usage: UsageKey | None = None
    html: str = ""


@dataclass(frozen=True)
class Unit:
    slug: str
    title: str
    pieces: tuple[Piece, ...]

    @property
    def exercises(self) -> list[UsageKey]:
        return [piece.usage for piece in self.pieces if piece.usage]


@dataclass(frozen=True)
class Section:
    """A chapter or a subsection, with what it contains."""

    slug: str
    title: str
    children: tuple[Any, ...]


@dataclass(frozen=True)
class Course:
    title: str
    org: str
    number: str
    run: str
    chapters: tuple[Section, ...]

    @property
    def units(self) -> list[Unit]:
        return [unit for chapter in self.chapters for part in chapter.children for unit in part.children]

    @property
    def exercises(self) -> list[UsageKey]:
        return [usage for unit in self.units for usage in unit.exercises]


def _node(kind: str, name: str) -> Any:
    return etree.parse(str(OLX / kind / f"{name}.xml")).getroot()


def _children(node: Any) -> list[Any]:
    """The children, with those that only name a file replaced by that file's element."""
    found = []
    for child in node:
        if not isinstance(child.tag, str):
            continue
        slug = child.get("url_name")
        if slug and (OLX / child.tag / f"{slug}.xml").exists():
            resolved = _node(child.tag, slug)
            resolved.set("url_name", slug)
            child = resolved
        found.append(child)
    return found


def _piece(node: Any) -> Piece:
    if node.tag != "html":
        return Piece(node, usage=usage_key(node.tag, node.get("url_name")))
    body = OLX / "html" / f"{node.get('filename')}.html"
    return Piece(node, html=body.read_text())


def _unit(node: Any) -> Unit:
    return Unit(node.get("url_name"), node.get("display_name"), tuple(_piece(child) for child in _children(node)))


def _section(node: Any, make: Any) -> Section:
    return Section(node.get("url_name"), node.get("display_name"), tuple(make(child) for child in _children(node)))


@lru_cache(maxsize=1)
def course() -> Course:
    """The outline, read once per process."""
    root = etree.parse(str(OLX / "course.xml")).getroot()
    run = _node("course", root.get("url_name"))
    chapters = tuple(_section(chapter, lambda part: _section(part, _unit)) for chapter in _children(run))
    return Course(run.get("display_name"), root.get("org"), root.get("course"), root.get("url_name"), chapters)


def import_course() -> int:
    """Bring the exercises that the database does not have yet; authors' later changes stay. Returns how many."""
    runtime = LmsRuntime(AnonymousUser())
    runtime._services["field-data"] = studio_field_data()
    imported = 0
    for unit in course().units:
        for piece in unit.pieces:
            if piece.usage and not BlockStateStore.knows(piece.usage):
                block_class = runtime.mixologist.mix(runtime.load_block_type(piece.usage.block_type))
                keys = ScopeIds(None, piece.usage.block_type, piece.usage, piece.usage)
                node = deepcopy(piece.node)
                del node.attrib["url_name"]  # it is in the keys already
                block_class.parse_xml(node, runtime, keys).save()
                imported += 1
    return imported
