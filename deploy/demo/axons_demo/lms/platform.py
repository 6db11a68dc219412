"""The platform's own modules that a block may import, where the demo has what they tell."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

from django.contrib.auth.models import User
from django.db.models import QuerySet

PARENTS = ("common", "common.djangoapps", "common.djangoapps.student")


class _Roles:
    """common/djangoapps/student/models/user.py CourseAccessRole: whoever works for the one course."""

    def filter(self, *, course_id: str) -> QuerySet[Any]:
        from axons_demo.lms.models import Profile

        return Profile.objects.filter(is_course_staff=True)


class _Enrolments:
    """common/djangoapps/student/models/course_enrollment.py CourseEnrollmentManager: everybody is in the one course."""

    def users_enrolled_in(self, course_id: str) -> QuerySet[User]:
        return User.objects.all()


def install() -> None:
    """Let blocks import `common.djangoapps.student.models` as they do in an LMS."""
    from axons_demo.lms.models import AnonymousUserId

    student: Any = ModuleType("common.djangoapps.student.models")
    student.AnonymousUserId = AnonymousUserId
    student.CourseAccessRole = SimpleNamespace(objects=_Roles())
    student.CourseEnrollment = SimpleNamespace(objects=_Enrolments())
    for name in PARENTS:
        sys.modules.setdefault(name, ModuleType(name))
    sys.modules[student.__name__] = student
