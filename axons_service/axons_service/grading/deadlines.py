"""When handing in ends: by the LMS's due date and grace, by what a grader granted, and whom it does not bind."""

from collections.abc import Sequence
from datetime import datetime

from django.utils import timezone

from axons_service.exercises.models import Project
from axons_service.grading.models import Allowance, Submission
from axons_service.jobs.failures import FailureClass
from axons_service.operations.problems import Problem

OUR_FAULTS = (FailureClass.INFRASTRUCTURE, FailureClass.NO_CAPACITY, FailureClass.HELD_BACK)
LOOKED_AT = 50


def closes_at(project: Project) -> datetime | None:
    """When the learner can hand in no more; None for never. A grader's extension counts where it is the later one."""
    if project.closes_at is None:
        return None
    granted: Allowance | None = getattr(project, "allowance", None)
    extended = granted.extended_until if granted is not None else None
    return project.closes_at if extended is None else max(project.closes_at, extended)


def reopens(submissions: Sequence[Submission]) -> bool:
    """Whether one more may be handed in after the end: one was given back since the newest, or that was lost by our
    fault. Newest first, each with its job.
    """
    if not submissions:
        return False
    newest = submissions[0]
    lost = newest.state == Submission.State.FAILED and newest.job.failure_class in OUR_FAULTS
    return lost or any(each.returned_at is not None and each.returned_at > newest.created_at for each in submissions)


def hand_in_check(project: Project) -> None:
    """Raises Problem 409 `hand_in_closed` after the end."""
    end = closes_at(project)
    if end is None or timezone.now() <= end:
        return
    rows = Submission.objects.select_related("job").filter(project=project).order_by("-created_at", "-pk")
    if reopens(list(rows[:LOOKED_AT])):
        return
    sentence = (
        f"Handing in ended on {end:%d %B %Y at %H:%M} UTC. You can go on training for practice. "
        "If you need more time, ask the course staff."
    )
    raise Problem(409, "hand_in_closed", sentence)
