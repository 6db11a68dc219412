"""Celery's entry to grading."""

import time
from uuid import UUID

from celery import shared_task

from axons_service.grading.delivery import due_grades_publish, grade_deliver
from axons_service.grading.desk_tasks import desk_tasks_rescue, task_run

TURN_SECONDS = 30.0  # then another message takes its turn: training sets wait in the same queue


@shared_task  # type: ignore[untyped-decorator]
def deliver_grade(delivery_id: int) -> None:
    """One try to deliver one grade."""
    grade_deliver(delivery_id=delivery_id)


@shared_task  # type: ignore[untyped-decorator]
def deliver_due_grades() -> None:
    """Find grades whose message was lost or whose backoff is over."""
    due_grades_publish()


@shared_task  # type: ignore[untyped-decorator]
def desk_tasks_lost() -> None:
    """Find regrades and exports that nobody does."""
    desk_tasks_rescue()


@shared_task  # type: ignore[untyped-decorator]
def run_desk_task(task_id: str) -> None:
    """A turn of a regrade, or an export."""
    end = time.monotonic() + TURN_SECONDS
    task_run(task_id=UUID(task_id), deadline=lambda: time.monotonic() > end)
