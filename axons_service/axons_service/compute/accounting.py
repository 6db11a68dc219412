"""Every write of course limits and of what was used of them."""

from datetime import datetime
from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.db.models import F

from axons_service.compute.budgets import utc_day
from axons_service.compute.models import ComputeUse, CourseLimits, SiteLimits
from axons_service.sites.models import Site

if TYPE_CHECKING:
    from axons_service.jobs.models import Attempt


def course_limits_set(
    *,
    site: Site,
    course_key: str,
    max_running: int | None,
    course_minutes: int | None,
    learner_minutes: int | None,
    period: str,
) -> CourseLimits:
    """Set the limits of a course; null takes a limit away. Raises ValidationError for values that make no sense."""
    values = {
        "max_running": max_running,
        "course_minutes": course_minutes,
        "learner_minutes": learner_minutes,
        "period": period,
    }
    CourseLimits(site=site, course_key=course_key, **values).clean_fields(exclude=["site"])
    if max_running == 0:
        raise ValidationError({"max_running": "A course that may run no training at all would wait for ever."})
    limits, _ = CourseLimits.objects.update_or_create(site=site, course_key=course_key, defaults=values)
    return limits


def site_limits_set(*, site: Site, max_running: int | None) -> SiteLimits:
    """Set how many trainings of all courses of a site may run at once; null: any number. Raises ValidationError."""
    SiteLimits(site=site, max_running=max_running).clean_fields(exclude=["site"])
    limits, _ = SiteLimits.objects.update_or_create(site=site, defaults={"max_running": max_running})
    return limits


def compute_use_add(*, attempt: "Attempt", ended_at: datetime) -> None:
    """Account for an attempt of a training slot that just ended; call once, in the transaction of its end.

    An inference is not counted: it runs beside a training, on minutes that are counted already. The attempt comes with
    its job, and that with its project and exercise.
    """
    from axons_service.jobs.models import Job

    job = attempt.job
    if job.kind == Job.Kind.INFERENCE:
        return
    project, exercise = job.project, job.project.exercise
    day = utc_day(ended_at)
    more = F("seconds") + max(0.0, (ended_at - attempt.started_at).total_seconds())
    for whose in (project.learner, ""):  # always in this order: two ends never wait for each other
        known = ComputeUse.objects.filter(
            learner=whose, limits__site=exercise.site_id, limits__course_key=exercise.course_key, day=day
        )
        if not known.update(seconds=more):
            limits, _ = CourseLimits.objects.get_or_create(site_id=exercise.site_id, course_key=exercise.course_key)
            use, _ = ComputeUse.objects.get_or_create(limits=limits, learner=whose, day=day)
            ComputeUse.objects.filter(pk=use.pk).update(seconds=more)
