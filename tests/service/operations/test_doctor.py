"""`axons-service doctor` finds what is wrong, names the fix, and tells no secret."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import DatabaseError
from django.utils import timezone

from axons_service.compute.models import Pool, Runner
from axons_service.exercises.models import Project
from axons_service.operations.doctor import local, outside, servers
from axons_service.operations.doctor.findings import Finding, Level, fail, without_secrets
from axons_service.operations.management.commands import doctor
from axons_service.settings.schema import Environment
from axons_service.sites import keys
from axons_service.sites.models import Site, SiteKey
from axons_service.storage.services import storage_prepare
from tests.service import builders
from tests.service.builders import Caller
from tests.service.listing import list_keys

pytestmark = pytest.mark.django_db
SECRET = "s" * 40
Check = Callable[[], Iterator[Finding]]


class Answer(BaseHTTPRequestHandler):
    """An LMS and a service: health at one path, 405 for a callback that is asked with GET, 502 at another."""

    def do_GET(self) -> None:
        status = {"/health/live": 200, "/broken": 502}.get(self.path, 405)
        self.send_response(status)
        self.end_headers()
        self.wfile.write(b'{"status": "ok"}')

    def log_message(self, format: str, *args: Any) -> None:
        return


@pytest.fixture
def host() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def key(tmp_path: Path, settings: Any) -> Path:
    path = tmp_path / "service.pem"
    keys.key_pair_create(path)
    settings.AXONS_SERVICE_PRIVATE_KEY_FILE = str(path)
    return path


@pytest.fixture
def well(settings: Any, key: Path, host: str, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A deployment in order, but for the object store."""
    settings.SECRET_KEY = SECRET
    settings.AXONS_METRICS_TOKEN = "m" * 40
    settings.AXONS_PUBLIC_URL = f"http://{host}"
    settings.ALLOWED_HOSTS = ["127.0.0.1"]
    lms = builders.lms(callback_hosts=[host])
    Runner.objects.create(pool=builders.pool(), name="by-hand", state="active")
    project = builders.project(Caller(lms))
    Project.objects.update(callback_url=f"http://{host}/grade")
    monkeypatch.setattr(servers.app.control, "ping", lambda timeout: [{"worker": "pong"}])
    return project


def faults(check: Check) -> list[Finding]:
    return [finding for finding in check() if finding.level is not Level.OK]


def only(check: Check, level: Level = Level.FAIL) -> Finding:
    """The one thing that is wrong; it names a fix."""
    (finding,) = faults(check)
    assert finding.level is level
    assert finding.fix
    return finding


@pytest.mark.parametrize(
    "check",
    [
        local.settings_check,
        local.keys_check,
        local.sites_check,
        servers.database_check,
        servers.broker_check,
        outside.address_check,
        outside.callbacks_check,
        outside.pools_check,
    ],
)
def test_a_deployment_in_order_has_no_fault(well: Project, check: Check) -> None:
    assert faults(check) == []
    assert list(check()), "a check that says nothing checked nothing"


@pytest.mark.parametrize(
    ("name", "value", "level", "words"),
    [
        ("SECRET_KEY", "short", Level.FAIL, "AXONS_SECRET_KEY"),
        ("DEBUG", True, Level.FAIL, "DEBUG"),
        ("ALLOWED_HOSTS", ["*"], Level.FAIL, "AXONS_ALLOWED_HOSTS"),
        ("ALLOWED_HOSTS", ["elsewhere"], Level.FAIL, "Add 127.0.0.1"),
        ("AXONS_PUBLIC_URL", "127.0.0.1:8000", Level.FAIL, "AXONS_PUBLIC_URL"),
        ("AXONS_METRICS_TOKEN", "", Level.WARN, "AXONS_METRICS_TOKEN"),
    ],
)
def test_a_wrong_setting_is_named(
    well: Project, settings: Any, name: str, value: Any, level: Level, words: str
) -> None:
    setattr(settings, name, value)
    finding = only(local.settings_check, level)
    assert words in finding.fix


def test_plain_http_beyond_this_network_is_warned_of(well: Project, settings: Any) -> None:
    settings.AXONS_PUBLIC_URL, settings.ALLOWED_HOSTS = "http://axons.example.org", ["axons.example.org"]
    assert "TLS" in only(local.settings_check, Level.WARN).fix


@pytest.mark.parametrize("what", ["missing", "garbage", "another kind"])
def test_a_key_that_cannot_sign_is_found(well: Project, key: Path, settings: Any, what: str) -> None:
    path = key.with_name("other.pem")
    if what == "garbage":
        path.write_text("nothing")
    if what == "another kind":
        path.write_text(Path(key).with_suffix(".pub").read_text())
    settings.AXONS_SERVICE_PRIVATE_KEY_FILE = str(path)
    assert "keys_create" in only(local.keys_check).fix


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_key_that_others_can_read_is_found(well: Project, key: Path, mode: int) -> None:
    key.chmod(mode)
    assert only(local.keys_check).fix == f"Run: chmod 600 {key}"


@pytest.mark.parametrize(("mode", "count"), [(0o440, 0), (0o444, 1)])
def test_a_mounted_secret_is_read_by_its_group(
    well: Project, key: Path, monkeypatch: pytest.MonkeyPatch, mode: int, count: int
) -> None:
    key.chmod(mode)
    monkeypatch.setattr(local.os, "geteuid", lambda: key.stat().st_uid + 1)
    assert len(faults(local.keys_check)) == count


def test_without_a_site_nobody_may_ask(db: None) -> None:
    assert "site_register" in only(local.sites_check).fix


@pytest.mark.parametrize("what", ["key", "bad key", "hosts", "origins"])
def test_a_site_that_is_half_registered_is_found(well: Project, what: str) -> None:
    match what:
        case "key":
            SiteKey.objects.update(is_active=False)
        case "bad key":
            SiteKey.objects.update(public_key="no key")
        case "hosts":
            Site.objects.update(callback_hosts=[])
        case "origins":
            Site.objects.update(origins=[])
    assert "site_register --slug campus" in only(local.sites_check).fix


def test_migrations_that_are_missing_are_found(well: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db.migrations.recorder import MigrationRecorder

    newest = MigrationRecorder.Migration.objects.filter(app="axons_compute").latest("name")
    newest.delete()
    finding = only(servers.database_check)
    assert f"axons_compute.{newest.name}" in finding.text
    assert finding.fix == "Run `axons-service migrate`."


def test_a_database_that_is_away_is_found(well: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*args: Any) -> Any:
        raise DatabaseError("connection refused")

    monkeypatch.setattr(servers, "MigrationExecutor", away)
    assert "AXONS_DATABASE_URL" in only(servers.database_check).fix


@pytest.mark.parametrize(("seconds", "level"), [(0, Level.OK), (5, Level.WARN), (-5, Level.WARN), (3600, Level.FAIL)])
def test_clocks_that_differ_are_found(seconds: float, level: Level) -> None:
    found = servers.clock("clock", timezone.now() - timedelta(seconds=seconds), "the object store")
    assert found.level is level
    assert level is Level.OK or "NTP" in found.fix
    assert level is Level.OK or ("ahead of" if seconds > 0 else "behind") in found.text


def test_a_broker_that_does_not_answer_is_found_and_its_password_is_not_told(well: Project, settings: Any) -> None:
    settings.CELERY_BROKER_URL = "redis://user:broker-password@127.0.0.1:1/0"
    finding = without_secrets(only(servers.broker_check))
    assert "AXONS_BROKER_URL" in finding.fix
    assert "127.0.0.1:1" in finding.text
    assert "broker-password" not in finding.line()


def test_a_broker_that_nobody_reads_is_found(well: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers.app.control, "ping", lambda timeout: [])
    assert "celery -A axons_service worker" in only(servers.broker_check).fix


@pytest.mark.needs_s3
class TestStore:
    def test_a_store_in_order(self, well: Project, s3_server: Any) -> None:
        storage_prepare(origins=["https://lms.example.org"])
        found = list(servers.store_check())
        assert [finding.part for finding in found] == ["object store", "clock", "CORS"]
        assert faults(servers.store_check) == []
        assert list_keys("tmp/doctor/") == []

    def test_origins_that_may_not_upload_are_found(self, well: Project, s3_server: Any) -> None:
        storage_prepare(origins=["https://lms.example.org"])
        Site.objects.update(origins=["https://new.example.org"])
        finding = only(servers.store_check)
        assert (finding.part, "https://new.example.org" in finding.text) == ("CORS", True)
        assert "storage_prepare" in finding.fix

    def test_a_bucket_that_is_not_there_is_found(self, well: Project, s3_server: Any, settings: Any) -> None:
        settings.AXONS_S3 = {**settings.AXONS_S3, "bucket": "no-such-bucket"}
        assert "storage_prepare" in only(servers.store_check).fix

    @pytest.mark.parametrize("name", ["access_key", "secret_key"])
    def test_a_key_that_the_store_refuses_is_found(
        self, well: Project, s3_server: Any, settings: Any, name: str
    ) -> None:
        settings.AXONS_S3 = {**settings.AXONS_S3, name: "wrong-key-of-the-store"}
        finding = without_secrets(only(servers.store_check))
        assert "AXONS_S3_SECRET_KEY" in finding.fix
        assert "refuses our key" in finding.text
        assert "wrong-key-of-the-store" not in finding.line()


def test_a_store_that_does_not_answer_is_found(well: Project) -> None:
    assert "AXONS_S3_ENDPOINT" in only(servers.store_check).fix


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "elsewhere"])
def test_an_address_that_does_not_lead_here_is_found(well: Project, settings: Any, host: str, url: str) -> None:
    settings.AXONS_PUBLIC_URL = f"http://{host}/elsewhere" if url == "elsewhere" else url
    assert "AXONS_PUBLIC_URL" in only(outside.address_check).fix


def test_a_callback_that_cannot_be_reached_is_found(well: Project) -> None:
    Site.objects.update(callback_hosts=["127.0.0.1:1"])
    Project.objects.update(callback_url="http://127.0.0.1:1/grade?token=very-secret")
    finding = only(outside.callbacks_check)
    assert "firewall" in finding.fix
    assert "very-secret" not in finding.line()


def test_a_callback_that_is_not_allowed_any_more_is_found(well: Project, host: str) -> None:
    Site.objects.update(callback_hosts=["lms.example.org"])
    assert f"--callback-host {host}" in only(outside.callbacks_check).fix


def test_an_lms_that_is_unwell_is_warned_of(well: Project, host: str) -> None:
    Project.objects.update(callback_url=f"http://{host}/broken")
    assert "502" in only(outside.callbacks_check, Level.WARN).text


def test_a_pool_without_credentials_is_found(well: Project) -> None:
    Pool.objects.update(provider="ovh", options={})
    assert "options or its credentials" in only(outside.pools_check).fix


def test_a_pool_by_hand_without_a_runner_is_warned_of(well: Project) -> None:
    Runner.objects.update(state="gone")
    assert "Start a runner" in only(outside.pools_check, Level.WARN).fix


def test_without_a_pool_no_job_ever_runs(db: None) -> None:
    assert "pool_register" in only(outside.pools_check).fix


def run() -> tuple[int, str]:
    out = StringIO()
    try:
        call_command("doctor", stdout=out)
    except SystemExit as stop:
        return int(str(stop.code)), out.getvalue()
    return 0, out.getvalue()


@pytest.mark.needs_s3
def test_the_command_says_that_all_is_well(well: Project, s3_server: Any) -> None:
    storage_prepare(origins=["https://lms.example.org"])
    code, text = run()
    assert code == 0, text
    assert "0 warn, 0 fail" in text


def test_the_command_fails_with_its_exit_code_and_goes_on_after_a_fault(well: Project, settings: Any) -> None:
    settings.SECRET_KEY = "a-secret-that-is-too-short"
    code, text = run()
    assert code == 1
    assert "fail  settings" in text
    assert "fail  object store" in text
    assert "ok    pool cpu" in text
    for secret in (settings.SECRET_KEY, settings.AXONS_S3["secret_key"], settings.AXONS_METRICS_TOKEN):
        assert secret not in text


def test_a_check_that_breaks_is_a_line_and_not_the_end(well: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Iterator[Finding]:
        raise RuntimeError(f"with {SECRET} inside")
        yield fail("", "", "")

    monkeypatch.setattr(doctor, "CHECKS", (("keys", broken), ("pools", outside.pools_check)))
    found = list(doctor.examine())
    assert [finding.level for finding in found] == [Level.FAIL, Level.OK]
    assert SECRET not in found[0].line()


@pytest.mark.parametrize("name", ["AXONS_SECRET_KEY", "AXONS_DATABASE_URL", "AXONS_S3_ENDPOINT"])
def test_a_setting_that_is_missing_stops_the_start_with_its_name(name: str) -> None:
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "axons_service.settings.embedded"}
    environment.pop(name)
    command = [sys.executable, "-m", "axons_service.cli", "doctor"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert f"the environment variable {name} is not set" in done.stderr


def test_a_setting_that_is_misspelt_is_warned_of(well: Project, settings: Any) -> None:
    values = {"AXONS_METRICS_TOKENS": "x", "AXONS_POOL_TOKEN": "y"}
    settings.AXONS_ENVIRONMENT = Environment(values)
    settings.AXONS_ENVIRONMENT.text("AXONS_METRICS_TOKEN", "")
    finding = only(local.settings_check, Level.WARN)
    assert (finding.text, finding.fix) == (
        "AXONS_METRICS_TOKENS is set, and nothing reads it.",
        "Did you mean AXONS_METRICS_TOKEN? Rename it.",
    )
