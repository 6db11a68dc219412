"""Keys of the one demo course, with the few attributes of opaque keys that blocks ask for.

Imitates opaque_keys.edx.locator.CourseLocator and BlockUsageLocator: strings that know their course.
"""

from __future__ import annotations

import re

COURSE = "course-v1:Axons+SEE101+2026"

_USAGE = re.compile(r"block-v1:(?P<course>[^+]+\+[^+]+\+[^+]+)\+type@(?P<type>[a-z_0-9]+)\+block@(?P<id>[\w-]+)")


class CourseKey(str):
    """A course's key."""

    is_course = True


class UsageKey(str):
    """A block's place in the course. Raises ValueError for what is none."""

    course_key: CourseKey
    block_type: str
    block_id: str

    def __new__(cls, value: str) -> UsageKey:
        found = _USAGE.fullmatch(value)
        if not found:
            raise ValueError(f"{value!r} is not a usage key.")
        key = super().__new__(cls, value)
        key.course_key = CourseKey(f"course-v1:{found['course']}")
        key.block_type = found["type"]
        key.block_id = found["id"]
        return key

    @property
    def context_key(self) -> CourseKey:
        return self.course_key


def usage_key(block_type: str, block_id: str) -> UsageKey:
    return UsageKey(f"block-v1:{COURSE.removeprefix('course-v1:')}+type@{block_type}+block@{block_id}")
