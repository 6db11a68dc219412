"""Grades that the LMS refused: an operator mends the cause, then sends them again or lets them go."""

from django.db.models import Exists, OuterRef, QuerySet

from axons_service.grading.models import GradeDelivery


def dead_grades() -> QuerySet[GradeDelivery]:
    """Refused grades without a newer one for the same learner and exercise, the oldest first."""
    newer = GradeDelivery.objects.filter(project=OuterRef("project"), revision__gt=OuterRef("revision"))
    dead = GradeDelivery.objects.filter(~Exists(newer), state=GradeDelivery.State.DEAD)
    return dead.select_related("project__exercise").order_by("created_at", "pk")


def grade_forget(*, delivery_id: int) -> bool:
    """Let a dead grade go: the LMS never gets it. True when it was dead."""
    dead = GradeDelivery.objects.filter(pk=delivery_id, state=GradeDelivery.State.DEAD)
    return dead.update(state=GradeDelivery.State.SUPERSEDED) == 1
