"""The people of the demo."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import User

from axons_demo.lms.models import Profile


@dataclass(frozen=True)
class Person:
    username: str
    name: str
    is_course_staff: bool = False


PEOPLE = (
    Person("ada", "Ada Mensah"),
    Person("kofi", "Kofi Lindqvist"),
    Person("grace", "Dr. Grace Okafor", is_course_staff=True),
)


def enrol() -> None:
    """Make the demo's users; those who exist stay as they are."""
    for person in PEOPLE:
        user, _ = User.objects.get_or_create(
            username=person.username, defaults={"email": f"{person.username}@example.org"}
        )
        Profile.objects.get_or_create(
            user=user, defaults={"name": person.name, "is_course_staff": person.is_course_staff}
        )
