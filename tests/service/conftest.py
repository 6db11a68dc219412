"""Fixtures of the service's tests. SQLite by default; PostgreSQL when AXONS_TEST_DATABASE_URL is set."""

import os
from math import inf
from typing import Any

import pytest
from django.conf import settings
from django.db.backends.postgresql.operations import DatabaseOperations
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from tests.service import builders
from tests.service.builders import Caller, Lms

# A busy machine is no fault of the code under test.
hypothesis_settings.register_profile("axons", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("axons")


def _rows_deleted(
    self: DatabaseOperations,
    style: Any,
    tables: list[str],
    *,
    reset_sequences: bool = False,
    allow_cascade: bool = False,
) -> list[str]:
    """The SQL that empties the tables that hold rows, instead of all of them. Numbers go on counting."""
    assert not reset_sequences, "a test that counts on its numbers needs a TRUNCATE"
    quoted = [self.quote_name(table) for table in tables]
    with self.connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM {name})" for name in quoted))
        held = [name for (name,) in cursor.fetchall()]
    deletes = [f"DELETE FROM {name}" for name in held]
    return ["SET session_replication_role = replica", *deletes, "SET session_replication_role = DEFAULT"]


if settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # A file, as in the demo: the shared cache of an in-memory database knows no waiting writers.
    settings.DATABASES["default"].setdefault("TEST", {})["NAME"] = f"{os.environ['AXONS_TEST_SCRATCH']}/test.sqlite3"

else:
    # Most tables are empty after most tests, and PostgreSQL makes new files for each that is truncated.
    DatabaseOperations.sql_flush = _rows_deleted  # type: ignore[method-assign]


@pytest.fixture(autouse=True)
def lines_are_read_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test changed is seen at once; `test_hot_path.py` is about what is remembered."""
    from axons_service.jobs import forecast, measurements

    forecast._lately.clear()
    measurements._lately.clear()
    monkeypatch.setattr(measurements, "KEPT_SECONDS", 0.0)
    monkeypatch.setattr(forecast, "FRESH_SECONDS", 0.0)
    monkeypatch.setattr(forecast, "READING_SHARE", inf)


@pytest.fixture
def campus(db: None) -> Lms:
    """A registered LMS."""
    return builders.lms()


@pytest.fixture
def course(campus: Lms) -> Lms:
    """The LMS with all that the spec of `builders.spec()` names."""
    builders.pool()
    builders.library_set(campus.site, "hidden", "hidden-pets")
    return campus


@pytest.fixture
def anna(campus: Lms) -> Caller:
    return Caller(campus)


@pytest.fixture
def ben(campus: Lms) -> Caller:
    return Caller(campus, learner="ben")


@pytest.fixture
def grader(campus: Lms) -> Caller:
    return Caller(campus, learner="greta", role="grader")


@pytest.fixture
def author(campus: Lms) -> Caller:
    return Caller(campus, learner="arthur", role="author")


@pytest.fixture
def store(s3_server: Any) -> Any:
    """The real S3 server with our bucket and CORS rules; nothing remembered from another test."""
    from axons_service.storage.services import storage_prepare
    from axons_service.training_sets import images, manifests

    storage_prepare(origins=["https://lms.example.org"])
    manifests.manifest_load.cache_clear()
    images._hashes_of.cache_clear()
    return s3_server
