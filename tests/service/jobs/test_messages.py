"""Publishing: confirmed when the broker is well, and never at the cost of the request when it is not."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from celery import Celery
from django.db import transaction
from kombu import Connection, Queue

from axons_service.jobs.models import Job
from axons_service.operations import messages
from axons_service.operations.messages import Publisher, message_publish
from tests.service.jobs.conftest import World


def application(url: str) -> Any:
    """A Celery task of its own on this broker, with the production's delivery settings."""
    app = Celery("messages-test", broker=url, set_as_current=False)
    app.conf.update(broker_transport_options={"confirm_publish": True}, task_ignore_result=True)

    @app.task(name="messages-test")
    def task(value: str) -> None:
        """Never run."""

    return task


@pytest.fixture
def publisher(monkeypatch: pytest.MonkeyPatch) -> Publisher:
    """A publisher of this test's own, which the module uses."""
    own = Publisher()
    monkeypatch.setattr(messages, "_publisher", lambda: own)
    return own


@pytest.fixture
def frozen() -> Iterator[str]:
    """A broker that accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield f"amqp://127.0.0.1:{server.getsockname()[1]}//"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("broker", ["amqp://127.0.0.1:1//", "redis://127.0.0.1:1/0", "frozen"])
def test_with_a_broker_that_is_away_requests_are_quick_and_their_rows_stay(
    real_world: World, publisher: Publisher, frozen: str, broker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from axons_service.jobs import tasks

    monkeypatch.setattr(tasks, "dispatch_job", application(frozen if broker == "frozen" else broker))
    times = []
    for _ in range(20):
        began = time.monotonic()
        real_world.training(dispatch=False)
        times.append(time.monotonic() - began)
    assert times[0] < 3
    assert sum(times[1:]) < 6, times  # one connection attempt takes longer
    assert Job.objects.filter(state="queued").count() == 20


def test_a_message_that_cannot_wait_any_more_is_left_to_the_reconciler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "BACKLOG", 2)
    monkeypatch.setattr(messages, "PATIENCE_SECONDS", 0.05)
    stuck, own = threading.Event(), Publisher()
    began = time.monotonic()
    for _ in range(50):
        own.publish(stuck.wait)
    assert time.monotonic() - began < 1
    assert own.backlog.qsize() <= 2
    stuck.set()


def test_after_trouble_requests_wait_for_the_confirmation_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "PATIENCE_SECONDS", 0.2)
    own, sent = Publisher(), []

    def fails() -> None:
        raise ConnectionError("no broker")

    own.publish(fails)
    assert own.troubled
    own.publish(lambda: sent.append("late"))
    deadline = time.monotonic() + 5
    while own.troubled and time.monotonic() < deadline:
        time.sleep(0.01)

    def slow() -> None:
        time.sleep(0.05)
        sent.append("waited for")

    own.publish(slow)
    assert sent == ["late", "waited for"]


@pytest.mark.django_db
def test_nothing_is_published_by_a_transaction_that_fails(
    publisher: Publisher, django_capture_on_commit_callbacks: Any
) -> None:
    def roll_back() -> None:
        with transaction.atomic():
            message_publish(application("memory://"), "x")
            raise RuntimeError("rolled back")

    with django_capture_on_commit_callbacks(execute=True) as published, pytest.raises(RuntimeError):
        roll_back()
    assert published == []


class Proxy:
    """Between a publisher and the broker; `cut` ends every connection, as a broker's restart does."""

    def __init__(self, port: int) -> None:
        self.target = port
        self.pairs: list[socket.socket] = []
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        for end in self.pairs:
            with contextlib.suppress(OSError):  # it may have ended by itself
                end.shutdown(socket.SHUT_RDWR)
        self.pairs.clear()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self.server.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self.target))
            self.pairs += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._copy, args=(source, sink), daemon=True).start()

    def _copy(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_RDWR)
        except OSError:
            return


@pytest.mark.needs_rabbitmq
def test_the_first_message_after_a_brokers_restart_arrives(publisher: Publisher, rabbitmq_url: str) -> None:
    from urllib.parse import urlsplit

    port = urlsplit(rabbitmq_url).port
    assert port is not None
    proxy = Proxy(port)
    task = application(rabbitmq_url.replace(f":{port}/", f":{proxy.port}/"))
    task.app.conf.task_default_queue = "messages-test"
    with Connection(rabbitmq_url) as connection:
        queue = Queue("messages-test", routing_key="messages-test")(connection.channel())
        queue.declare()
        queue.purge()
        for value in ("before", "after"):
            publisher.publish(lambda value=value: messages._send(task, (value,)))  # type: ignore[misc]
            proxy.cut()
        deadline, found = time.monotonic() + 10, []
        while len(found) < 2 and time.monotonic() < deadline:
            if (message := queue.get(no_ack=True)) is not None:
                found.append(message.payload[0][0])
            time.sleep(0.02)
        queue.delete()
    proxy.server.close()
    assert found == ["before", "after"]
