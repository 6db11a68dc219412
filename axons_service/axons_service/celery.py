"""The Celery application. Tasks are short and resumable; none lives as long as a job (docs/decisions)."""

import os

from celery import Celery

from axons_service.broker import DeadLetterStep

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "axons_service.settings.embedded")

app = Celery("axons_service")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.steps["consumer"].add(DeadLetterStep)
