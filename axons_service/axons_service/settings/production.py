"""Settings of a real deployment: PostgreSQL, RabbitMQ quorum queues, any S3."""

from kombu.entity import Exchange, Queue

from axons_service.settings.base import *  # noqa: F403
from axons_service.settings.base import CELERY_BROKER_URL

SECURE_CONTENT_TYPE_NOSNIFF = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True

if CELERY_BROKER_URL.startswith("amqp"):
    # A topic exchange: with a direct one, tasks with an ETA block the worker on quorum queues.
    _exchange = Exchange("axons", type="topic")  # type: ignore[no-untyped-call]
    _dead_letters = Exchange("axons.dead", type="topic")  # type: ignore[no-untyped-call]
    _arguments = {
        "x-queue-type": "quorum",
        "x-delivery-limit": 5,
        "x-dead-letter-exchange": "axons.dead",
        "x-dead-letter-strategy": "at-most-once",
    }
    CELERY_TASK_DEFAULT_QUEUE_TYPE = "quorum"
    CELERY_TASK_DEFAULT_EXCHANGE = "axons"
    CELERY_TASK_DEFAULT_EXCHANGE_TYPE = "topic"
    CELERY_TASK_DEFAULT_ROUTING_KEY = "control"
    CELERY_BROKER_TRANSPORT_OPTIONS = {"confirm_publish": True}
    CELERY_TASK_QUEUES = [
        Queue(name, _exchange, routing_key=name, queue_arguments=_arguments)  # type: ignore[no-untyped-call]
        for name in ("control", "prepare", "deliver")
    ]
