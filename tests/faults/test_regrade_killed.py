"""Regrading a class of a thousand: seen growing, its worker killed and replaced, another one stopped half-way.

Over the real PostgreSQL and RabbitMQ: the API in a web process, a Celery worker with beat, grades delivered to an LMS.
A dead worker is missed after four seconds here instead of a minute (`tests/support/impatient_settings.py`).
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests
from kombu import Connection

from axons_demo.keys import load_or_create
from axons_service import broker
from axons_service.exercises.specs import spec_hash
from axons_xblock.config import Config
from axons_xblock.errors import Problem
from axons_xblock.service import ServiceClient
from axons_xblock.tokens import Identity
from scripts.services.lifecycle import free_ports
from tests.service import builders
from tests.support.servers import ROOT

pytestmark = [pytest.mark.needs_postgres, pytest.mark.needs_rabbitmq, pytest.mark.slow, pytest.mark.timeout(900)]
CLASS = 1000
PATIENCE = 300.0  # on a machine that does other things as well


class Lms(BaseHTTPRequestHandler):
    """Takes every grade."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *given: Any) -> None:
        """Silence: a thousand grades arrive."""


@dataclass
class Service:
    """The running service, its database, and a grader."""

    environment: dict[str, str]
    database: psycopg.Connection[Any]
    grader: ServiceClient
    folder: Path

    def one(self, query: str, *values: Any) -> Any:
        """The first column of the first row."""
        row = self.database.execute(query.encode(), values).fetchone()
        assert row is not None
        return row[0]

    def rows(self, query: str, *values: Any) -> list[Any]:
        return self.database.execute(query.encode(), values).fetchall()

    def regrade(self, at_least: float) -> Any:
        """Have all regraded so that only this accuracy gives points; the task."""
        spec = builders.spec(grading={"metric": "accuracy", "thresholds": [{"at_least": at_least, "score": 1.0}]})
        self.grader.post("/projects/open", {"spec": spec, "callback_url": None})
        body = {"kind": "regrade", "spec_hash": spec_hash(spec), "reason": f"From {at_least} on."}
        return self.grader.post("/desk/tasks", body, idempotency_key=uuid.uuid4().hex)

    def task(self, task: Any) -> Any:
        return self.grader.get(f"/desk/tasks/{task['id']}")

    def seen_from(self, task: Any, least: int) -> list[int]:
        """The figures of progress that a grader sees until they reach `least`."""
        seen = [0]
        deadline = time.monotonic() + PATIENCE
        while seen[-1] < least:
            assert time.monotonic() < deadline, f"it stood still at {seen}"
            done = int(self.task(task)["done"])
            if done != seen[-1]:
                seen.append(done)
            time.sleep(0.3)  # who asks takes of the same cores
        return seen

    @contextmanager
    def worker(self, name: str) -> Iterator[subprocess.Popen[bytes]]:
        """A Celery worker with beat, in a process group of its own."""
        argv = [sys.executable, "-m", "celery", "-A", "axons_service", "worker", "--beat", "--concurrency", "2"]
        argv += ["--schedule", str(self.folder / f"{name}.schedule"), "--hostname", f"{name}@localhost"]
        argv += ["--without-gossip", "--without-mingle", "--loglevel", "INFO"]
        with started(argv, self.environment, self.folder / f"{name}.log") as process:
            yield process


@contextmanager
def started(argv: list[str], environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            argv, env=environment, stdout=output, stderr=output, cwd=log.parent, start_new_session=True
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """kill -9 to the process and its children."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=10)


def wait_for(condition: Callable[[], Any], what: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.1)


def lives(url: str) -> bool:
    try:
        return requests.get(f"{url}/health/live", timeout=2).ok
    except requests.RequestException:
        return False


def run(environment: dict[str, str], *argv: str) -> None:
    done = subprocess.run([sys.executable, "-m", *argv], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def queues_empty(url: str) -> None:
    with Connection(url) as connection:
        for queue in broker.task_queues():
            bound = queue(connection.channel())
            bound.declare()
            bound.purge()


@pytest.fixture
def lms() -> Iterator[str]:
    """Where grades are accepted."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Lms)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/grade"
    server.shutdown()
    server.server_close()


@pytest.fixture
def service(postgres_url: str, rabbitmq_url: str, lms: str, tmp_path: Path) -> Iterator[Service]:
    """The service with a class of a thousand who have handed in; no worker yet."""
    name = f"axons_{uuid.uuid4().hex[:12]}"
    keys = load_or_create(tmp_path / "keys")
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    database = re.sub(r"/[^/]+$", f"/{name}", postgres_url)
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith(("AXONS_", "DJANGO_", "CELERY_"))},
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "deploy" / "demo")]),
        "DJANGO_SETTINGS_MODULE": "tests.support.impatient_settings",
        "AXONS_SECRET_KEY": "regrade-test" * 4,
        "AXONS_DATABASE_URL": database,
        "AXONS_BROKER_URL": rabbitmq_url,
        "AXONS_S3_ENDPOINT": "http://127.0.0.1:1",
        "AXONS_S3_ACCESS_KEY": "nothing is stored",
        "AXONS_S3_SECRET_KEY": "nothing is stored",
        "AXONS_SERVICE_PRIVATE_KEY_FILE": str(keys.service_private),
        "AXONS_PUBLIC_URL": url,
        "AXONS_DATA_DIR": str(tmp_path),
        "AXONS_LOG_LEVEL": "WARNING",
    }
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}"'.encode())
        try:
            queues_empty(rabbitmq_url)
            run(environment, "axons_service.cli", "migrate", "--verbosity", "0")
            run(environment, "tests.support.graded_class", str(keys.site_public), str(CLASS), lms)
            argv = [sys.executable, "-m", "uvicorn", "axons_service.asgi:application", "--port", str(port)]
            argv += ["--no-access-log", "--lifespan", "off", "--log-level", "warning"]
            with (
                started(argv, environment, tmp_path / "web.log"),
                psycopg.connect(database, autocommit=True) as own,
            ):
                wait_for(lambda: lives(url), "the web process answers")
                config = Config(url, "campus", "k1", keys.site_private.read_text(), {})
                who = Identity(learner="greta", course=builders.COURSE, usage=builders.USAGE, role="grader")
                yield Service(environment, own, ServiceClient(config, who), tmp_path)
        finally:
            server.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())
            queues_empty(rabbitmq_url)  # a worker of the next test would look for grades of this database


OF_REASON = "SELECT count(*), count(DISTINCT submission_id) FROM axons_grading_auditentry WHERE reason = %s"
REVISIONS = "SELECT revision, count(*) FROM axons_grading_gradedelivery GROUP BY revision ORDER BY revision"
SCORES = "SELECT final_score, count(*) FROM axons_grading_submission GROUP BY final_score ORDER BY final_score"


def test_a_class_of_a_thousand_is_regraded_once_through_a_kill_and_another_time_half(service: Service) -> None:
    begun = time.monotonic()

    with service.worker("first") as first:
        task = service.regrade(0.95)
        assert (task["state"], task["done"], task["total"]) == ("running", 0, CLASS)
        seen = service.seen_from(task, CLASS // 4)
        kill(first)
    killed, after_kill = time.monotonic(), int(service.task(task)["done"])
    assert len(seen) > 3, "the progress was seen growing"
    assert 0 < after_kill < CLASS, "the worker died in the middle"
    assert service.rows(OF_REASON, "From 0.95 on.") == [(after_kill, after_kill)]

    with service.worker("second"):
        service.seen_from(task, after_kill + 1)
        resumed = time.monotonic() - killed
        service.seen_from(task, CLASS)
        wait_for(lambda: service.task(task)["state"] == "done", "the task is over")
        over = service.task(task)
        assert (over["done"], over["changed"]) == (CLASS, CLASS)
        assert service.rows(OF_REASON, "From 0.95 on.") == [(CLASS, CLASS)]
        assert service.rows(REVISIONS) == [(1, CLASS), (2, CLASS)]
        assert service.rows(SCORES) == [(0.0, CLASS)]
        claims = "SELECT claim FROM axons_grading_desktask WHERE id = %s"
        assert service.one(claims, task["id"]) >= 2, "another claim went on"

        task = service.regrade(0.9)
        seen_again = service.seen_from(task, CLASS // 4)
        stopped = service.grader.post(f"/desk/tasks/{task['id']}/stop", {})
        done = stopped["done"]
        assert (stopped["state"], 0 < done < CLASS) == ("stopped", True)
        time.sleep(2)  # as long as several batches take
        assert service.task(task) == stopped
        assert service.rows(OF_REASON, "From 0.9 on.") == [(done, done)]
        assert service.rows(REVISIONS) == [(1, CLASS), (2, CLASS), (3, done)]
        assert service.rows(SCORES) == [(0.0, CLASS - done), (1.0, done)]
        with pytest.raises(Problem) as refused:
            service.grader.post(f"/desk/tasks/{task['id']}/stop", {})
        assert (refused.value.status, refused.value.code) == (409, "task_over")

    took = time.monotonic() - begun
    print(f"seen {seen} then killed at {after_kill}, went on after {resumed:.1f} s; stopped at {done} of {CLASS}")
    print(f"progress of the second {seen_again}; {took:.1f} s")
