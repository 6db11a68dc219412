"""What the broker and the object store bear by themselves, driven from Python on the same machine: lower bounds."""

from __future__ import annotations

import os
import socket
import time
import uuid
from collections.abc import Callable
from contextlib import suppress

from kombu import Connection, Consumer, Message, Producer, Queue

from tests.benchmarks.service.http import Client, sustained

MESSAGE = {"job": "0" * 36}
PICTURE_BYTES = 100_000


def messages_per_second(url: str, clients: int, seconds: float) -> tuple[float, float]:
    """Messages a second that are put into a durable quorum queue, each confirmed, and then fetched and acknowledged."""
    queue = Queue(f"bench-{uuid.uuid4().hex}", durable=True, queue_arguments={"x-queue-type": "quorum"})
    connections = [Connection(url, transport_options={"confirm_publish": True}) for _ in range(clients)]
    try:
        with connections[0].channel() as channel:
            queue(channel).declare()
        producers = [Producer(each.channel(), routing_key=queue.name) for each in connections]

        def step(client: Client, number: int) -> bool:
            producers[number].publish(MESSAGE, serializer="json", delivery_mode=2)
            return True

        published = sustained(0, clients, seconds, step)
        return published, _fetched(connections[0], queue, seconds)
    finally:
        with connections[0].channel() as channel:
            queue(channel).delete()
        for each in connections:
            each.release()


def _fetched(connection: Connection, queue: Queue, seconds: float) -> float:
    """Messages a second that one consumer takes and acknowledges, as long as there are any."""
    count = 0

    def take(body: object, message: Message) -> None:
        nonlocal count
        count += 1
        message.ack()

    began = last = time.perf_counter()
    with Consumer(connection, [queue], callbacks=[take], prefetch_count=64), suppress(socket.timeout):
        while time.perf_counter() - began < seconds:
            connection.drain_events(timeout=0.5)
            last = time.perf_counter()
    return count / max(last - began, 0.001)


def objects_per_second(clients: int, seconds: float) -> tuple[float, float]:
    """Objects of 100 kB a second, written and then read, by so many threads."""
    from axons_service.storage import objects

    data = os.urandom(PICTURE_BYTES)
    keys: list[str] = []

    def write(client: Client, number: int) -> bool:
        key = f"bench/{uuid.uuid4().hex}"
        objects.put_bytes(key, data, "image/jpeg")
        keys.append(key)
        return True

    def read(client: Client, number: int) -> bool:
        return len(objects.get_bytes(keys[(number * 7919 + time.perf_counter_ns()) % len(keys)])) == PICTURE_BYTES

    steps: list[Callable[[Client, int], bool]] = [write, read]
    written, fetched = (sustained(0, clients, seconds, step) for step in steps)
    return written, fetched
