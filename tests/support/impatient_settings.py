"""The service's production settings with a dead worker missed after four seconds instead of a minute."""

from datetime import timedelta

from axons_service.operations import claimed
from axons_service.settings.production import *  # noqa: F403
from axons_service.settings.production import CELERY_BEAT_SCHEDULE

claimed.STALE = timedelta(seconds=4)
CELERY_BEAT_SCHEDULE = {name: {**CELERY_BEAT_SCHEDULE[name], "schedule": 1.0} for name in ("desk-tasks-lost",)}
