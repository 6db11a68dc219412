"""Markers that say which server a test needs, and the fixtures that hand it out.

A test whose server is absent is skipped with a sentence; with AXONS_REQUIRE_SERVICES=1 it fails instead.
"""

import os
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import servers

if TYPE_CHECKING:
    from axons_demo.objects import Store


# Every test here starts processes or trains: together longer than the unit lane may take.
SLOW = ("tests/runner/test_agent.py", "tests/runner/test_training.py")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.as_posix().endswith(SLOW):
            item.add_marker(pytest.mark.slow)
    if os.environ.get("AXONS_TEST_DATABASE_URL"):  # what asks no database is the same with another one
        elsewhere = [item for item in items if not _asks_a_database(item)]
    else:  # these say something about PostgreSQL itself
        elsewhere = [item for item in items if item.get_closest_marker("only_postgres")]
    config.hook.pytest_deselected(items=elsewhere)
    items[:] = [item for item in items if item not in elsewhere]


def _asks_a_database(item: pytest.Item) -> bool:
    fixtures = getattr(item, "fixturenames", ())
    return item.get_closest_marker("django_db") is not None or bool({"db", "transactional_db"} & set(fixtures))


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker, (find, sentence) in servers.ABSENT.items():
        if item.get_closest_marker(marker) and not find():
            if os.environ.get("AXONS_REQUIRE_SERVICES") == "1":
                pytest.fail(f"{marker}: {sentence} (AXONS_REQUIRE_SERVICES=1)", pytrace=False)
            pytest.skip(f"{marker}: {sentence}")


@pytest.fixture(scope="session")
def s3_store(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Store]":
    """A real S3 server (SeaweedFS) of this test session."""
    from axons_demo import objects, ports, processes

    folder = tmp_path_factory.mktemp("s3")
    lane = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))  # two workers must not pick one port
    base = next(b for b in range(23000 + 500 * lane, 27000, 10) if not ports.taken(ports.Ports(b)))
    with tempfile.TemporaryDirectory(prefix="axons-s3-") as sockets:
        store = objects.Store(
            folder=folder,
            sockets=Path(sockets),
            port=base + 3,
            access_key="tests",
            secret_key=secrets.token_hex(16),
            bucket="axons-tests",
        )
        program = objects.program(store)
        log = folder / "weed.log"
        running = processes.Running(program, log, processes.launch(program, log))
        try:
            processes.wait_ready(running)
            yield store
        finally:
            running.process.kill()
            running.process.wait(timeout=10)


@pytest.fixture
def s3_server(s3_store: "Store", settings: Any) -> "Store":
    """The S3 server, with the service's settings pointing at it."""
    from django.core.files.storage import storages

    settings.AXONS_S3 = {
        "endpoint": s3_store.url,
        "public_endpoint": s3_store.url,
        "access_key": s3_store.access_key,
        "secret_key": s3_store.secret_key,
        "bucket": s3_store.bucket,
        "region": "us-east-1",
    }
    options = {
        **settings.STORAGES["default"]["OPTIONS"],
        "endpoint_url": s3_store.url,
        "access_key": s3_store.access_key,
        "secret_key": s3_store.secret_key,
        "bucket_name": s3_store.bucket,
    }
    default = {**settings.STORAGES["default"], "OPTIONS": options}
    settings.STORAGES = {**settings.STORAGES, "default": default}
    storages._storages.clear()
    return s3_store


@pytest.fixture(scope="session")
def postgres_url() -> str:
    return str(servers.postgres_url())


@pytest.fixture(scope="session")
def rabbitmq_url() -> str:
    return str(servers.rabbitmq_url())


@pytest.fixture(scope="session")
def chromium_path() -> str:
    return str(servers.chromium_path())
