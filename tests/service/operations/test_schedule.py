"""What beat sends and what queues are told apart by are tasks that a worker knows."""

from fnmatch import fnmatch

from django.conf import settings

from axons_service.celery import app

GRADING = {"deliver_grade": "deliver", "run_desk_task": "prepare", "desk_tasks_lost": "control"}


def test_every_scheduled_task_is_one_that_workers_know() -> None:
    app.loader.import_default_modules()
    wanted = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    assert wanted <= set(app.tasks)


def test_a_regrade_does_not_wait_behind_the_grades_that_it_queues() -> None:
    queues = {name: app.amqp.router.route({}, f"axons_service.grading.tasks.{name}")["queue"] for name in GRADING}
    assert {name: getattr(queue, "name", queue) for name, queue in queues.items()} == GRADING


def test_every_route_leads_somewhere() -> None:
    app.loader.import_default_modules()
    for pattern in settings.CELERY_TASK_ROUTES:
        assert any(fnmatch(name, pattern) for name in app.tasks), pattern
