"""Celery's entry to grading."""

from celery import shared_task

from axons_service.grading.delivery import due_grades_publish, grade_deliver


@shared_task  # type: ignore[untyped-decorator]
def deliver_grade(delivery_id: int) -> None:
    """One try to deliver one grade."""
    grade_deliver(delivery_id=delivery_id)


@shared_task  # type: ignore[untyped-decorator]
def deliver_due_grades() -> None:
    """Find grades whose message was lost or whose backoff is over."""
    due_grades_publish()
