"""Dead letters on RabbitMQ: read without taking, sent again, or dropped.

Reading takes every letter unacknowledged and lets go of the channel, which puts them back in their order. A replay is
confirmed before its letter is acknowledged, so that a crash between the two repeats a message and loses none; tasks
are safe to repeat.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from celery import current_app
from kombu.connection import Connection
from kombu.message import Message
from kombu.messaging import Producer

from axons_service import broker

CONNECT_SECONDS = 3.0
CONFIRM_SECONDS = 10.0
EARLIER_DEATHS = "axons-deaths"  # what a replay remembers: the broker counts anew


@dataclass(frozen=True)
class DeadLetter:
    """A message that no worker could finish. `deaths` counts its replays too; `died_at` may be unknown."""

    id: str
    task: str
    queue: str
    reason: str
    deaths: int
    died_at: datetime | None


class NoDeadLetters(Exception):
    """This broker keeps none."""


def dead_letters_count() -> int:
    """How many wait; 0 on a broker that keeps none. Raises kombu's OperationalError when the broker does not answer."""
    if not broker.keeps_dead_letters(current_app.conf.broker_url):
        return 0
    with _channel() as channel:
        return int(broker.dead_queue()(channel).queue_declare().message_count)


def queue_depths() -> dict[str, int]:
    """Messages that wait in each queue of ours, whatever the broker. Raises kombu's OperationalError as above."""
    depths = {}
    with Connection(current_app.conf.broker_url, connect_timeout=CONNECT_SECONDS) as connection:
        connection.ensure_connection(max_retries=1, interval_start=0, timeout=CONNECT_SECONDS)
        for name in broker.QUEUES:
            with connection.channel() as channel:  # of its own: RabbitMQ closes it when there is no such queue
                try:
                    depths[name] = int(channel.queue_declare(queue=name, passive=True).message_count)
                except connection.channel_errors:
                    depths[name] = 0
    return depths


def dead_letters() -> list[DeadLetter]:
    """Those that wait, the oldest first. Raises NoDeadLetters."""
    with _channel() as channel:
        return [_about(message) for message in _taken(channel)]


def dead_letters_replay(wanted: Callable[[DeadLetter], bool]) -> list[DeadLetter]:
    """Send the wanted ones to their queues again; those that were sent. Raises NoDeadLetters."""
    sent: list[DeadLetter] = []
    with _channel() as channel:
        for queue in broker.task_queues():
            queue(channel).declare()
        producer = Producer(channel)
        for message in _taken(channel):
            letter = _about(message)
            if wanted(letter) and letter.queue in broker.QUEUES:
                _send(producer, message, letter)
                message.ack()
                sent.append(letter)
    return sent


def dead_letters_drop(wanted: Callable[[DeadLetter], bool]) -> list[DeadLetter]:
    """Forget the wanted ones; those that were dropped. Raises NoDeadLetters."""
    dropped: list[DeadLetter] = []
    with _channel() as channel:
        for message in _taken(channel):
            letter = _about(message)
            if wanted(letter):
                message.ack()
                dropped.append(letter)
    return dropped


@contextmanager
def _channel() -> Iterator[Any]:
    url = current_app.conf.broker_url
    if not broker.keeps_dead_letters(url):
        raise NoDeadLetters("This broker keeps no dead letters: only RabbitMQ does.")
    options = {"confirm_publish": True}
    with Connection(url, connect_timeout=CONNECT_SECONDS, transport_options=options) as connection:
        connection.ensure_connection(max_retries=1, interval_start=0, timeout=CONNECT_SECONDS)
        broker.dead_queue_declare(connection)
        with connection.channel() as channel:
            yield channel


def _taken(channel: Any) -> list[Message]:
    """Every letter, unacknowledged: what is not acknowledged goes back when the channel closes."""
    queue = broker.dead_queue()(channel)
    waiting = queue.queue_declare().message_count
    found = (queue.get() for _ in range(waiting))
    return [message for message in found if message is not None]


def _about(message: Message) -> DeadLetter:
    headers: dict[str, Any] = message.headers or {}
    deaths = [death for death in headers.get("x-death") or [] if isinstance(death, dict)]
    last = deaths[0] if deaths else {}
    died_at = last.get("time")
    return DeadLetter(
        id=str(headers.get("id") or hashlib.sha256(_bytes(message)).hexdigest()[:16]),
        task=str(headers.get("task") or "not a task"),
        queue=str(last.get("queue") or message.delivery_info.get("routing_key") or ""),
        reason=str(last.get("reason") or "unknown"),
        deaths=int(headers.get(EARLIER_DEATHS) or 0) + max(1, sum(int(death.get("count", 1)) for death in deaths)),
        died_at=died_at.replace(tzinfo=UTC) if isinstance(died_at, datetime) else None,
    )


def _bytes(message: Message) -> bytes:
    body = message.body
    return body.encode() if isinstance(body, str) else bytes(body or b"")


def _send(producer: Producer, message: Message, letter: DeadLetter) -> None:
    headers = {name: value for name, value in message.headers.items() if not name.startswith("x-")}
    producer.publish(
        _bytes(message),
        exchange=broker.EXCHANGE.name,
        routing_key=letter.queue,
        headers={**headers, EARLIER_DEATHS: letter.deaths},
        content_type=message.content_type or "application/octet-stream",
        content_encoding=message.content_encoding or "binary",
        correlation_id=message.properties.get("correlation_id"),
        delivery_mode=2,
        confirm_timeout=CONFIRM_SECONDS,
    )
