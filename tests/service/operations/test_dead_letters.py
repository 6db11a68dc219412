"""Dead letters: a task that kills its workers, on a real RabbitMQ with a real worker; grades that an LMS refused."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from celery import Celery, current_app
from django.core.management import CommandError, call_command
from django.utils import timezone
from kombu import Connection
from kombu.exceptions import OperationalError

from axons_service import broker
from axons_service.grading import delivery
from axons_service.grading.models import GradeDelivery
from axons_service.operations import dead_letters as module
from axons_service.operations.dead_letters import dead_letters, dead_letters_count
from tests.service.builders import Caller, Lms
from tests.service.grading.test_submissions import scored
from tests.support import poison
from tests.support.servers import ROOT


@pytest.fixture
def rabbitmq(rabbitmq_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connection]:
    """The broker with our queues, all empty, and this process' Celery on it."""
    monkeypatch.setattr(current_app.conf, "broker_url", rabbitmq_url)
    with Connection(rabbitmq_url, transport_options={"confirm_publish": True}) as connection:
        broker.dead_queue_declare(connection)
        channel = connection.channel()
        for queue in [*broker.task_queues(), broker.dead_queue()]:
            bound = queue(channel)
            bound.declare()
            bound.purge()
        yield connection
        for queue in [*broker.task_queues(), broker.dead_queue()]:
            queue(channel).purge()


def publish(connection: Connection, body: Any = "{}", *, queue: str = "control", **headers: Any) -> None:
    connection.Producer().publish(
        body, exchange="axons", routing_key=queue, headers=headers, content_type="application/json",
        content_encoding="utf-8",
    )  # fmt: skip


def die(connection: Connection, queue: str = "control") -> None:
    """A worker that cannot read a message rejects it."""
    found = next(each for each in broker.task_queues() if each.name == queue)(connection.channel())
    wait_for(lambda: reject(found.get()))


def reject(message: Any) -> bool:
    if message is not None:
        message.reject()
    return message is not None


def wait_for(condition: Callable[[], Any], seconds: float = 20) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"it did not happen within {seconds} s"
        time.sleep(0.1)
    return found


def command(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    call_command("dead_letters", *arguments)
    return capsys.readouterr().out


@contextmanager
def worker(url: str, log: Path) -> Iterator[None]:
    """A Celery worker under the production's queue settings."""
    argv = [sys.executable, "-m", "celery", "-A", "tests.support.production_worker", "worker"]
    argv += ["--concurrency", "1", "--loglevel", "INFO", "-I", "tests.support.poison", "-n", "poisoned@localhost"]
    environment = {**os.environ, "AXONS_BROKER_URL": url, "PYTHONPATH": str(ROOT)}
    environment["DJANGO_SETTINGS_MODULE"] = "axons_service.settings.production"
    with log.open("wb") as output:
        process = subprocess.Popen(argv, env=environment, stdout=output, stderr=output, cwd=ROOT)
    try:
        wait_for(lambda: " ready." in log.read_text(), 60)
        yield
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.mark.needs_rabbitmq
@pytest.mark.slow
@pytest.mark.django_db
def test_a_task_that_kills_its_workers_is_dead_after_its_deliveries_listed_and_replayed(
    rabbitmq: Connection, rabbitmq_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = tmp_path / "runs"
    with worker(rabbitmq_url, tmp_path / "worker.log"):
        sender = Celery(broker=rabbitmq_url, set_as_current=False)
        publish_as = {"exchange": "axons", "routing_key": "prepare", "ignore_result": True}
        sender.send_task(poison.TASK, args=[str(tmp_path)], task_id="poison-1", **publish_as)
        wait_for(lambda: dead_letters_count() == 1, 60)
        assert len(runs.read_text()) == broker.DELIVERIES + 1
        [line, total] = command(capsys).splitlines()
        assert line.startswith(f"poison-1  {poison.TASK}  queue=prepare  reason=delivery_limit  count=1  age=0:00:")
        assert total == "1 dead letters (1 tasks, 0 grades)."

        (tmp_path / "antidote").touch()  # the cause is mended
        assert command(capsys, "--replay", "poison-1").splitlines() == ["poison-1 sent again", "1 sent again."]
        wait_for(lambda: len(runs.read_text()) == broker.DELIVERIES + 2)
        assert dead_letters_count() == 0


@pytest.mark.needs_rabbitmq
@pytest.mark.django_db
def test_listing_takes_nothing_and_keeps_the_order(rabbitmq: Connection) -> None:
    for number in range(3):
        publish(rabbitmq, id=f"letter-{number}", task="some.task")
        die(rabbitmq)
    wait_for(lambda: dead_letters_count() == 3)
    for _ in range(25):  # RabbitMQ 4 drops a message after 20 deliveries unless its queue says otherwise
        assert [letter.id for letter in dead_letters()] == ["letter-0", "letter-1", "letter-2"]
    assert dead_letters_count() == 3


@pytest.mark.needs_rabbitmq
@pytest.mark.django_db
def test_one_is_replayed_one_dropped_and_the_rest_stay(
    rabbitmq: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(4):
        publish(rabbitmq, id=f"letter-{number}", task="some.task", queue="deliver")
        die(rabbitmq, "deliver")
    wait_for(lambda: dead_letters_count() == 4)
    command(capsys, "--replay", "letter-1")
    command(capsys, "--drop", "letter-2", "letter-3")
    assert [letter.id for letter in dead_letters()] == ["letter-0"]
    deliver = broker.task_queues()[2](rabbitmq.channel())
    back = wait_for(lambda: deliver.get(no_ack=True))
    assert (back.headers["id"], back.headers["task"], back.body) == ("letter-1", "some.task", "{}")
    assert deliver.get() is None


@pytest.mark.needs_rabbitmq
@pytest.mark.django_db
def test_a_letter_that_dies_again_counts_all_its_deaths(rabbitmq: Connection) -> None:
    publish(rabbitmq, id="again", task="some.task")
    for deaths in (1, 2, 3):
        die(rabbitmq)
        [letter] = wait_for(dead_letters)
        assert letter.deaths == deaths
        module.dead_letters_replay(lambda letter: True)


@pytest.mark.needs_rabbitmq
@pytest.mark.django_db
def test_what_is_no_task_at_all_is_listed_too(rabbitmq: Connection) -> None:
    publish(rabbitmq, b"\xff\x00 not a task")
    die(rabbitmq)
    [letter] = wait_for(dead_letters)
    assert (letter.task, letter.queue, letter.reason) == ("not a task", "control", "rejected")
    assert len(letter.id) == 16
    assert letter.died_at is not None
    assert abs((timezone.now() - letter.died_at).total_seconds()) < 60


@pytest.mark.needs_rabbitmq
@pytest.mark.django_db
def test_an_id_that_is_not_there_is_said(rabbitmq: Connection) -> None:
    with pytest.raises(CommandError, match="Not among the dead letters: nobody"):
        call_command("dead_letters", "--replay", "nobody")


@pytest.mark.needs_rabbitmq
@pytest.mark.django_db
def test_a_crash_between_sending_and_forgetting_repeats_and_loses_nothing(
    rabbitmq: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(rabbitmq, id="kept", task="some.task")
    die(rabbitmq)
    wait_for(dead_letters)
    send = module._send

    def crash(*given: Any) -> None:
        send(*given)
        raise SystemError("killed")

    monkeypatch.setattr(module, "_send", crash)
    with pytest.raises(SystemError):
        module.dead_letters_replay(lambda letter: True)
    assert [letter.id for letter in dead_letters()] == ["kept"]


@pytest.mark.django_db
@pytest.mark.parametrize("arguments", [["--replay"], ["--all"], ["--replay", "x", "--all"], ["--drop", "x", "--all"]])
def test_a_replay_names_what_it_means(arguments: list[str]) -> None:
    with pytest.raises(CommandError, match="--replay"):
        call_command("dead_letters", *arguments)


@pytest.mark.django_db
def test_a_broker_that_does_not_answer_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(current_app.conf, "broker_url", "amqp://127.0.0.1:1//")
    with pytest.raises(CommandError, match="RabbitMQ does not answer"):
        call_command("dead_letters")
    with pytest.raises(OperationalError):
        dead_letters_count()


@pytest.mark.django_db
def test_a_broker_without_dead_letters_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("dead_letters")
    shown = capsys.readouterr()
    assert "only RabbitMQ does" in shown.err
    assert shown.out == "0 dead letters (0 tasks, 0 grades).\n"
    assert dead_letters_count() == 0


@pytest.fixture
def refused(course: Lms, anna: Caller, monkeypatch: pytest.MonkeyPatch) -> GradeDelivery:
    """A grade that the LMS answered with 404."""
    anna.open()
    scored(anna, 0.6, key="k")
    grade = GradeDelivery.objects.get()
    monkeypatch.setattr(delivery, "_post", lambda grade, url: 404)
    assert delivery.grade_deliver(delivery_id=grade.pk) == "dead"
    return grade


@pytest.mark.django_db
def test_a_refused_grade_is_listed_and_sent_again_with_its_revision(
    refused: GradeDelivery, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = command(capsys)
    assert f"grade-{refused.pk}  grade of revision 1  queue=deliver" in shown
    assert "reason=The LMS refused the grade: HTTP 404." in shown
    assert f"grade-{refused.pk} sent again" in command(capsys, "--replay", f"grade-{refused.pk}")
    monkeypatch.setattr(delivery, "_post", lambda grade, url: 200)
    assert delivery.grade_deliver(delivery_id=refused.pk) == "delivered"
    assert GradeDelivery.objects.get().revision == 1


@pytest.mark.django_db
def test_a_refused_grade_that_a_newer_one_replaced_is_no_dead_letter(
    refused: GradeDelivery, anna: Caller, capsys: pytest.CaptureFixture[str]
) -> None:
    scored(anna, 0.95, key="k2")
    assert "0 dead letters" in command(capsys)


@pytest.mark.django_db
def test_a_dropped_grade_is_never_sent(refused: GradeDelivery, capsys: pytest.CaptureFixture[str]) -> None:
    command(capsys, "--drop", f"grade-{refused.pk}")
    assert delivery.grade_deliver(delivery_id=refused.pk) == "superseded"
    assert "0 dead letters" in command(capsys)


def test_the_production_queues_are_quorum_queues_whose_letters_go_to_one_declared_queue() -> None:
    for queue in broker.task_queues():
        assert queue.exchange.type == "topic"
        assert queue.queue_arguments["x-queue-type"] == "quorum"
        assert queue.queue_arguments["x-delivery-limit"] == broker.DELIVERIES
        assert queue.queue_arguments["x-dead-letter-exchange"] == broker.dead_queue().exchange.name
    assert broker.dead_queue().routing_key == "#"
