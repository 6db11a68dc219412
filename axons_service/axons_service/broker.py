"""Queues on RabbitMQ: three quorum queues on a topic exchange, and where their dead letters go.

A topic exchange, because with a direct one tasks with an ETA block the worker on quorum queues. A message that costs
its worker's life more than `DELIVERIES` times, or that no worker can read, is a dead letter: it keeps its routing key,
waits in one queue that nobody consumes, and never runs again by itself (`axons-service dead_letters`).
"""

from typing import Any

from celery import bootsteps
from kombu.connection import Connection
from kombu.entity import Exchange, Queue

QUEUES = ("control", "prepare", "deliver")
DEAD_QUEUE = "axons.dead"
DELIVERIES = 5

EXCHANGE = Exchange("axons", type="topic")
DEAD_EXCHANGE = Exchange("axons.dead", type="topic")


def task_queues() -> list[Queue]:
    """The queues that workers consume."""
    arguments = {
        "x-queue-type": "quorum",
        "x-delivery-limit": DELIVERIES,
        "x-dead-letter-exchange": DEAD_EXCHANGE.name,
        # the letter leaves its queue only once the dead-letter queue has confirmed it
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }
    return [Queue(name, EXCHANGE, routing_key=name, queue_arguments=arguments) for name in QUEUES]


def dead_queue() -> Queue:
    """Where dead letters wait. Reading the list counts as a delivery, so its own limit is out of reach."""
    arguments = {"x-queue-type": "quorum", "x-delivery-limit": 1_000_000_000}
    return Queue(DEAD_QUEUE, DEAD_EXCHANGE, routing_key="#", queue_arguments=arguments)


def dead_queue_declare(connection: Connection) -> None:
    """Make the dead-letter queue, if it is not there."""
    with connection.channel() as channel:
        dead_queue()(channel).declare()


class DeadLetterStep(bootsteps.StartStopStep):  # type: ignore[misc]
    """Every worker makes the dead-letter queue before it consumes; no message dies earlier."""

    requires = ("celery.worker.consumer.connection:Connection",)

    def include_if(self, parent: Any) -> bool:
        return keeps_dead_letters(parent.app.conf.broker_url)

    def start(self, parent: Any) -> None:
        dead_queue_declare(parent.connection)


def keeps_dead_letters(broker_url: str) -> bool:
    """Whether this broker has dead letters: RabbitMQ has, Valkey has not."""
    return broker_url.startswith("amqp")
