"""Grades that the LMS refused: an operator mends the cause, then sends them again or lets them go."""

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from axons_service.grading.delivery import due_grades_publish
from axons_service.grading.models import GradeDelivery


def dead_grades() -> QuerySet[GradeDelivery]:
    """Refused grades without a newer one for the same learner and exercise, the oldest first."""
    newer = GradeDelivery.objects.filter(project=OuterRef("project"), revision__gt=OuterRef("revision"))
    dead = GradeDelivery.objects.filter(~Exists(newer), state=GradeDelivery.State.DEAD)
    return dead.select_related("project__exercise").order_by("created_at", "pk")


@transaction.atomic
def grade_revive(*, delivery_id: int) -> bool:
    """Make a dead grade due again, with its revision. True when it was dead."""
    dead = GradeDelivery.objects.filter(pk=delivery_id, state=GradeDelivery.State.DEAD)
    revived = dead.update(state=GradeDelivery.State.DUE, due_at=timezone.now(), tries=0)
    if revived:
        due_grades_publish()
    return revived == 1


def grade_forget(*, delivery_id: int) -> bool:
    """Let a dead grade go: the LMS never gets it. True when it was dead."""
    dead = GradeDelivery.objects.filter(pk=delivery_id, state=GradeDelivery.State.DEAD)
    return dead.update(state=GradeDelivery.State.SUPERSEDED) == 1
