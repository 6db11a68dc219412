"""Eleven misconfigurations, each put into a deployment in order: the doctor finds it alone, and names the fix."""

from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from axons_service.compute.models import Pool
from axons_service.exercises.models import Project
from axons_service.operations.doctor import servers
from axons_service.sites.models import Site, SiteKey
from axons_service.storage.services import storage_prepare
from tests.service.operations.test_doctor import host, key, well

__all__ = ["host", "key", "well"]  # pytest takes fixtures by their names
pytestmark = [pytest.mark.django_db, pytest.mark.needs_s3]


class Seed:
    """What a misconfiguration may change."""

    def __init__(self, settings: Any, key: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.settings, self.key, self.monkeypatch = settings, key, monkeypatch

    def s3(self, **changes: str) -> None:
        self.settings.AXONS_S3 = {**self.settings.AXONS_S3, **changes}


def weak_secret(seed: Seed) -> None:
    seed.settings.SECRET_KEY = "too-short"


def open_key(seed: Seed) -> None:
    seed.key.chmod(0o644)


def no_workers(seed: Seed) -> None:
    seed.monkeypatch.setattr(servers.app.control, "ping", lambda timeout: [])


def wrong_broker(seed: Seed) -> None:
    seed.settings.CELERY_BROKER_URL = "redis://:password-of-the-broker@127.0.0.1:1/0"


def missing_bucket(seed: Seed) -> None:
    seed.s3(bucket="not-there")


def wrong_s3_key(seed: Seed) -> None:
    seed.s3(secret_key="not-the-key-of-the-store")


def stale_cors(seed: Seed) -> None:
    Site.objects.update(origins=["https://moved.example.org"])


def wrong_public_url(seed: Seed) -> None:
    seed.settings.AXONS_PUBLIC_URL = "http://127.0.0.1:1"


def callback_not_allowed(seed: Seed) -> None:
    Site.objects.update(callback_hosts=["old.example.org"])


def unusable_site_key(seed: Seed) -> None:
    SiteKey.objects.update(public_key="-----BEGIN PUBLIC KEY-----\nbm8=\n-----END PUBLIC KEY-----\n")


def provider_without_login(seed: Seed) -> None:
    Pool.objects.update(provider="ovh", options={"image": "x:1"})


SEEDED: list[tuple[Callable[[Seed], None], str, str]] = [
    (weak_secret, "settings", "Set AXONS_SECRET_KEY"),
    (open_key, "keys", "chmod 600"),
    (no_workers, "worker", "celery -A axons_service worker"),
    (wrong_broker, "broker", "AXONS_BROKER_URL"),
    (missing_bucket, "object store", "axons-service storage_prepare"),
    (wrong_s3_key, "object store", "AXONS_S3_SECRET_KEY"),
    (stale_cors, "CORS", "axons-service storage_prepare"),
    (wrong_public_url, "address", "AXONS_PUBLIC_URL"),
    (callback_not_allowed, "callback", "--callback-host"),
    (unusable_site_key, "sites", "site_register --slug campus"),
    (provider_without_login, "pool cpu", "options or its credentials"),
]


def examine() -> tuple[int, list[tuple[str, str]], str]:
    """The exit code, part and fix of every failure, and the whole report."""
    out = StringIO()
    code = 0
    try:
        call_command("doctor", stdout=out)
    except SystemExit as stop:
        code = int(str(stop.code))
    lines = out.getvalue().splitlines()
    failed = [
        (line[6:].split(":")[0], following.partition("fix: ")[2])
        for line, following in zip(lines, [*lines[1:], ""], strict=True)
        if line.startswith("fail")
    ]
    return code, failed, out.getvalue()


@pytest.mark.parametrize(("seed", "part", "fix"), SEEDED, ids=lambda value: getattr(value, "__name__", None))
def test_it_finds_it_alone_and_names_the_fix(
    well: Project,
    key: Path,
    settings: Any,
    s3_server: Any,
    monkeypatch: pytest.MonkeyPatch,
    seed: Callable[[Seed], None],
    part: str,
    fix: str,
) -> None:
    storage_prepare(origins=["https://lms.example.org"])
    assert examine()[:2] == (0, [])
    seed(Seed(settings, key, monkeypatch))
    code, failed, text = examine()
    assert code == 1
    assert [found for found, _ in failed] == [part], text
    assert fix in failed[0][1]
    assert "password-of-the-broker" not in text
    assert "not-the-key-of-the-store" not in text
