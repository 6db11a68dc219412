"""The service as it is, with its short tasks run at once in the web process: the contract is about what callers see."""

from tests.support.service_settings import *  # noqa: F403

CELERY_TASK_ALWAYS_EAGER = True
