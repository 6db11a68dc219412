"""Settings of a real deployment: PostgreSQL, RabbitMQ quorum queues, any S3."""

from axons_service import broker
from axons_service.settings.base import *  # noqa: F403
from axons_service.settings.base import ALLOWED_HOSTS, CELERY_BROKER_URL, SECRET_KEY, environment

environment.strict(given=("AXONS_PUBLIC_URL",), secret=SECRET_KEY, hosts=ALLOWED_HOSTS)
environment.check()

SECURE_CONTENT_TYPE_NOSNIFF = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True

if broker.keeps_dead_letters(CELERY_BROKER_URL):
    CELERY_TASK_DEFAULT_QUEUE_TYPE = "quorum"
    CELERY_TASK_DEFAULT_EXCHANGE = broker.EXCHANGE.name
    CELERY_TASK_DEFAULT_EXCHANGE_TYPE = "topic"
    CELERY_TASK_DEFAULT_ROUTING_KEY = "control"
    CELERY_BROKER_TRANSPORT_OPTIONS = {"confirm_publish": True}
    CELERY_TASK_QUEUES = broker.task_queues()
    # RabbitMQ 4.3 refuses transient queues that are not exclusive.
    CELERY_CONTROL_QUEUE_EXCLUSIVE = True
    CELERY_EVENT_QUEUE_EXCLUSIVE = True
