"""How many trainings of a course and of a site run, and whether one more may."""

from collections.abc import Iterable

from django.db.models import Count

from axons_service.compute.models import SiteLimits
from axons_service.jobs.models import CourseTurn, Job
from axons_service.jobs.states import HELD


def course_trainings(limits_ids: Iterable[int]) -> dict[int, int]:
    """How many trainings of each course a runner holds now, by the id of its limits."""
    held = Job.objects.filter(state__in=HELD, kind=Job.Kind.TRAINING, turn__course_turn__limits__in=list(limits_ids))
    return dict(held.order_by().values_list("turn__course_turn__limits").annotate(Count("pk")))


def site_trainings(site_ids: Iterable[int]) -> dict[int, int]:
    """How many trainings of all courses of each site a runner holds now, by the id of the site."""
    held = Job.objects.filter(state__in=HELD, kind=Job.Kind.TRAINING, project__exercise__site__in=list(site_ids))
    return dict(held.order_by().values_list("project__exercise__site").annotate(Count("pk")))


def site_caps() -> dict[int, int]:
    """How many trainings may run at once in each site that has a limit, by the id of the site."""
    rows = SiteLimits.objects.values_list("site", "max_running")
    return {site: most for site, most in rows if most is not None}


def site_limits(course: CourseTurn) -> SiteLimits | None:
    """The limits of the course's site, if it has a limit; the turn comes with `limits__site__compute_limits`."""
    limits: SiteLimits | None = getattr(course.limits.site, "compute_limits", None)
    return limits if limits is not None and limits.max_running is not None else None


def courses_with_room(courses: list[CourseTurn]) -> list[CourseTurn]:
    """Those of these courses' lines of trainings in which one more may run now; two queries for any number."""
    limited = {course.limits_id for course in courses if course.limits.max_running is not None}
    capped = {site.site_id: site.max_running for course in courses if (site := site_limits(course)) is not None}
    running = course_trainings(limited) if limited else {}
    of_sites = site_trainings(capped) if capped else {}

    def has_room(course: CourseTurn) -> bool:
        limit, cap = course.limits.max_running, capped.get(course.limits.site_id)
        in_course = limit is None or running.get(course.limits_id, 0) < limit
        return in_course and (cap is None or of_sites.get(course.limits.site_id, 0) < cap)

    return [course for course in courses if has_room(course)]


def course_has_room(course: CourseTurn) -> bool:
    """Whether one more job of this line may run now under the limits of its course and its site."""
    return course.kind != Job.Kind.TRAINING or bool(courses_with_room([course]))
