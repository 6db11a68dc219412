"""Who is who in an LMS."""

from typing import Any

from xblock.reference.user_service import XBlockUser

from tests.xblock.platform import CourseKey, UsageKey, UserService
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


class CcxUsageKey(UsageKey):
    """ccx_keys.locator.CCXBlockUsageLocator: `is_course` is true of its course key too"""

    def __str__(self) -> str:
        return f"ccx-block-v1:Axons+Vision+2026+ccx@4+type@axons+block@{self.block_id}"


def test_a_coach_is_staff_of_their_ccx_and_its_exercise_is_one_of_its_own(service: TrainingService) -> None:
    # lms/djangoapps/ccx/views.py, create_ccx: the coach becomes staff of the CCX
    service.answer("GET", "/api/v1/submissions", {"results": [], "next": None})
    ccx = CcxUsageKey(context_key=CourseKey("ccx-v1:Axons+Vision+2026+ccx@4"))
    block: Any = make_block(user=GRACE, xblock_settings=settings(service.url), usage=ccx)

    assert call(block, "staff_submissions").status_code == 200
    (asked,) = service.received
    assert (asked.claims["course"], asked.claims["usage"]) == (str(ccx.context_key), str(ccx))
    assert asked.claims["role"] == "grader"
