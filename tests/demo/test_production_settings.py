"""The service under its production settings on the real servers: PostgreSQL, RabbitMQ quorum queues, S3."""

import os
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from axons_demo.keys import load_or_create

if TYPE_CHECKING:
    from axons_demo.objects import Store

pytestmark = [pytest.mark.needs_postgres, pytest.mark.needs_rabbitmq, pytest.mark.needs_s3, pytest.mark.slow]


@pytest.fixture
def environment(postgres_url: str, rabbitmq_url: str, s3_store: "Store", tmp_path: Path) -> Iterator[dict[str, str]]:
    """Settings by environment, as an operator gives them, on a database of this test's own."""
    name = f"axons_{uuid.uuid4().hex[:12]}"
    keys = load_or_create(tmp_path / "keys")
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        yield {
            **{key: value for key, value in os.environ.items() if not key.startswith(("AXONS_", "DJANGO_"))},
            "DJANGO_SETTINGS_MODULE": "axons_service.settings.production",
            "AXONS_SECRET_KEY": "production-test" * 3,
            "AXONS_DATABASE_URL": re.sub(r"/[^/]+$", f"/{name}", postgres_url),
            "AXONS_BROKER_URL": rabbitmq_url,
            "AXONS_S3_ENDPOINT": s3_store.url,
            "AXONS_S3_ACCESS_KEY": s3_store.access_key,
            "AXONS_S3_SECRET_KEY": s3_store.secret_key,
            "AXONS_S3_BUCKET": s3_store.bucket,
            "AXONS_SERVICE_PRIVATE_KEY_FILE": str(keys.service_private),
            "AXONS_PUBLIC_URL": "https://axons.example.org",
            "AXONS_DATA_DIR": str(tmp_path),
        }
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def command(environment: dict[str, str], *arguments: str) -> str:
    argv = [sys.executable, "-m", "axons_service.cli", *arguments]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_worker_takes_work_from_a_quorum_queue_and_does_it_on_postgresql(
    environment: dict[str, str], tmp_path: Path
) -> None:
    command(environment, "migrate", "--verbosity", "0")
    assert "bucket axons-tests is there" in command(environment, "storage_prepare")
    log = tmp_path / "worker.log"
    argv = [sys.executable, "-m", "celery", "-A", "axons_service", "worker", "--concurrency", "1", "--loglevel", "INFO"]
    with log.open("wb") as output:
        worker = subprocess.Popen(argv, env=environment, stdout=output, stderr=output, cwd=tmp_path)
    try:
        wait_for(log, " ready.")
        send = "from axons_service.celery import app; app.send_task('axons_service.jobs.tasks.reconcile')"
        subprocess.run([sys.executable, "-c", send], env=environment, check=True, timeout=60)
        wait_for(log, r"axons_service\.jobs\.tasks\.reconcile\[[^]]+\] succeeded")
    finally:
        worker.terminate()
        worker.wait(timeout=30)
    assert "Traceback" not in log.read_text()


def wait_for(log: Path, words: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not re.search(words, log.read_text()):
        assert time.monotonic() < deadline, f"{words!r} did not come:\n{log.read_text()[-3000:]}"
        time.sleep(0.2)
