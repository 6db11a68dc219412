"""How many trainings of a course run, and whether one more may."""

from collections.abc import Iterable

from django.db.models import Count

from axons_service.jobs.models import CourseTurn, Job
from axons_service.jobs.states import HELD


def course_trainings(limits_ids: Iterable[int]) -> dict[int, int]:
    """How many trainings of each course a runner holds now, by the id of its limits."""
    held = Job.objects.filter(state__in=HELD, kind=Job.Kind.TRAINING, turn__course_turn__limits__in=list(limits_ids))
    return dict(held.order_by().values_list("turn__course_turn__limits").annotate(Count("pk")))


def course_has_room(course: CourseTurn) -> bool:
    """Whether one more job of this line may run now under the course's limit of trainings at once."""
    limit = course.limits.max_running
    if limit is None or course.kind != Job.Kind.TRAINING:
        return True
    return course_trainings([course.limits_id]).get(course.limits_id, 0) < limit
