"""Who is behind anonymous ids, for many at once: the LMS's own tables, asked through its user model.

The relations are the platform's: `profile` and `anonymoususerid` of common/djangoapps/student/models/user.py,
`course_groups` of openedx/core/djangoapps/course_groups/models.py, `teams` of lms/djangoapps/teams/models.py (the
platform's `teams` service tells one person's team, not who is in one). Where they are missing (the SDK), people are
looked up one by one, and nobody is found by a text.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from axons_xblock import compat

Named = dict[str, str]
AT_MOST = 2000
COHORTS, TEAMS = "course_groups", "teams"
KINDS: dict[str, dict[str, str]] = {COHORTS: {"group_type": "cohort"}, TEAMS: {}}


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


def learners_of(block: Any, *, text: str, cohort: str, team: str) -> list[str]:
    """Anonymous ids in this course of those whose name or user name has `text` in it, and who are in `cohort`, and in
    `team`.

    An empty text, cohort or team asks for nothing. At most 2,000, in the order of user names.
    """
    users = _users()
    if users is None:
        return []
    course = compat.course_id(block)
    members = users.filter(anonymoususerid__course_id=course)
    for relation, name in ((COHORTS, cohort), (TEAMS, team)):
        if name and not _knows(users, relation):
            return []
        if name:
            wish = {"course_id": course, "name": name, **KINDS[relation]}
            members = members.filter(**{f"{relation}__{field}": value for field, value in wish.items()})
    narrowed = (
        [members.filter(username__icontains=text), members.filter(profile__name__icontains=text)] if text else [members]
    )
    found: dict[str, str] = {}
    for rows in narrowed:
        pairs = rows.order_by("username").values_list("anonymoususerid__anonymous_user_id", "username")[:AT_MOST]
        found.update(pairs)
    return sorted(found, key=lambda uid: (found[uid], uid))[:AT_MOST]


def groups_of(block: Any, relation: str) -> list[str]:
    """The names of the course's COHORTS or TEAMS; none where the platform has none."""
    users = _users()
    if users is None or not _knows(users, relation):
        return []
    groups = users.model._meta.get_field(relation).related_model.objects
    rows = groups.filter(course_id=compat.course_id(block), **KINDS[relation]).order_by("name")
    return list(rows.values_list("name", flat=True).distinct()[:AT_MOST])


def _knows(users: Any, relation: str) -> bool:
    return relation in users.model._meta.fields_map


def _users() -> Any:
    """The platform's users, or None where their anonymous ids are not in its database."""
    model = compat.user_model()
    if model is None or not {"anonymoususerid", "profile"} <= set(model._meta.fields_map):
        return None
    return model.objects.all()
