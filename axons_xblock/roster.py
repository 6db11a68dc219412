"""Who is behind anonymous ids, for many at once: the LMS's own tables, asked through its user model.

The relations are the platform's: `profile` and `anonymoususerid` of common/djangoapps/student/models/user.py,
`course_groups` of openedx/core/djangoapps/course_groups/models.py. Where they are missing (the SDK), people are looked
up one by one, and nobody is found by a text.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from axons_xblock import compat

Named = dict[str, str]
AT_MOST = 2000
COHORT = "cohort"


def names_of(block: Any, ids: Iterable[str]) -> dict[str, Named]:
    """`name` and `username` by anonymous id, in one query; the beginning of the id when nobody has it."""
    wanted = sorted({each for each in ids if each})
    users = _users()
    if users is None:
        return {each: compat.names(block, each) for each in wanted}
    key = "anonymoususerid__anonymous_user_id"
    rows = users.filter(**{f"{key}__in": wanted}).values_list(
        key, "username", "profile__name", "first_name", "last_name"
    )
    found = {
        uid: {"name": name or f"{first} {last}".strip() or username, "username": username}
        for uid, username, name, first, last in rows
    }
    return {each: found.get(each, {"name": each[:8], "username": ""}) for each in wanted}


def learners_of(block: Any, *, text: str, cohort: str) -> list[str]:
    """Anonymous ids in this course of those whose name or user name has `text` in it, and who are in `cohort`.

    An empty text or cohort asks for nothing. At most 2,000, in the order of user names.
    """
    users = _users()
    if users is None:
        return []
    course = compat.course_id(block)
    members = users.filter(anonymoususerid__course_id=course)
    if cohort and has_cohorts(users):
        members = members.filter(
            course_groups__course_id=course, course_groups__group_type=COHORT, course_groups__name=cohort
        )
    elif cohort:
        return []
    narrowed = (
        [members.filter(username__icontains=text), members.filter(profile__name__icontains=text)] if text else [members]
    )
    found: dict[str, str] = {}
    for rows in narrowed:
        pairs = rows.order_by("username").values_list("anonymoususerid__anonymous_user_id", "username")[:AT_MOST]
        found.update(pairs)
    return sorted(found, key=lambda uid: (found[uid], uid))[:AT_MOST]


def cohorts_of(block: Any) -> list[str]:
    """The names of the course's cohorts; none where the platform has no cohorts."""
    users = _users()
    if users is None or not has_cohorts(users):
        return []
    groups = users.model._meta.get_field("course_groups").related_model.objects
    rows = groups.filter(course_id=compat.course_id(block), group_type=COHORT).order_by("name")
    return list(rows.values_list("name", flat=True)[:AT_MOST])


def has_cohorts(users: Any) -> bool:
    """Whether the platform knows cohorts."""
    return "course_groups" in users.model._meta.fields_map


def _users() -> Any:
    """The platform's users, or None where their anonymous ids are not in its database."""
    model = compat.user_model()
    if model is None or not {"anonymoususerid", "profile"} <= set(model._meta.fields_map):
        return None
    return model.objects.all()
