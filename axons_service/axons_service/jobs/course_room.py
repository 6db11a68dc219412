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


def site_limits(course: CourseTurn) -> SiteLimits | None:
    """The limits of the course's site, if it has a limit; the turn comes with `limits__site__compute_limits`."""
    limits: SiteLimits | None = getattr(course.limits.site, "compute_limits", None)
    return limits if limits is not None and limits.max_running is not None else None


def course_has_room(course: CourseTurn) -> bool:
    """Whether one more job of this line may run now under the limits of its course and its site."""
    if course.kind != Job.Kind.TRAINING:
        return True
    limit = course.limits.max_running
    if limit is not None and course_trainings([course.limits_id]).get(course.limits_id, 0) >= limit:
        return False
    site = site_limits(course)
    if site is None or site.max_running is None:
        return True
    return site_trainings([site.site_id]).get(site.site_id, 0) < site.max_running
