"""Who is who in an LMS."""

from typing import Any

from xblock.reference.user_service import XBlockUser

from tests.xblock.platform import UserService
from tests.xblock.support import GRACE, TrainingService, call, make_block, settings


class WithRoles(UserService):
    """common/djangoapps/xblock_django/user_service.py: course staff have the role "staff", not "instructor"."""

    def get_current_user(self) -> XBlockUser:
        user = super().get_current_user()
        user.opt_attrs["edx-platform.user_role"] = "staff"
        user.opt_attrs["edx-platform.user_is_global_staff"] = False
        return user


def test_course_staff_who_are_no_instructors_may_grade(service: TrainingService) -> None:
    service.answer("GET", "/api/v1/submissions", {"results": [], "next": None})
    block: Any = make_block(user=GRACE, xblock_settings=settings(service.url))
    block.runtime._services["user"] = WithRoles(GRACE, block.runtime.people)

    assert block.student_view().json_init_args["can_grade"] is True
    assert call(block, "staff_submissions").status_code == 200
