"""A setting that is missing or wrong stops the start with a sentence: which one, and what to do."""

import os
import subprocess
import sys
from typing import Any

import pytest

from axons_service.settings.schema import Environment

GOOD = {
    "AXONS_SECRET_KEY": "s" * 40,
    "AXONS_DATABASE_URL": "postgres://axons:database-password@db:5432/axons?sslmode=require",
    "AXONS_BROKER_URL": "amqp://axons:broker-password@mq//",
    "AXONS_S3_ENDPOINT": "https://s3.example.org",
    "AXONS_S3_ACCESS_KEY": "access",
    "AXONS_S3_SECRET_KEY": "store-password",
    "AXONS_SERVICE_PRIVATE_KEY_FILE": "/secure/axons-service.pem",
    "AXONS_PUBLIC_URL": "https://axons.example.org",
    "AXONS_ALLOWED_HOSTS": "axons.example.org",
    "AXONS_ALLOWED_ORIGINS": "https://lms.example.org,https://studio.example.org",
}
PROGRAM = "import django; from django.conf import settings; print(settings.DATABASES['default']['OPTIONS'])"


def start(kind: str = "production", **changes: str | None) -> subprocess.CompletedProcess[str]:
    """Load the settings in a process of their own, as every program of the service does."""
    values = {name: value for name, value in {**GOOD, **changes}.items() if value is not None}
    others = {name: value for name, value in os.environ.items() if not name.startswith(("AXONS_", "DJANGO_"))}
    environment = {**others, **values, "DJANGO_SETTINGS_MODULE": f"axons_service.settings.{kind}"}
    return subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=False)


def test_settings_that_are_right_start_and_what_the_address_asks_of_the_database_is_kept() -> None:
    done = start()
    assert done.returncode == 0, done.stderr
    assert "'sslmode': 'require'" in done.stdout


def test_all_that_is_wrong_is_told_at_once_without_a_secret() -> None:
    done = start(
        AXONS_BROKER_URL="mq:broker-password",
        AXONS_S3_SECRET_KEY=None,
        AXONS_DATABASE_URL="mysql://u:database-password@h/x",
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    lines = done.stderr.strip().splitlines()
    assert lines[0] == "axons-service cannot start:"
    assert [line.split(" is ")[0].split()[-1] for line in lines[1:]] == [
        "AXONS_DATABASE_URL",
        "AXONS_BROKER_URL",
        "AXONS_S3_SECRET_KEY",
    ]
    assert "password" not in done.stderr.replace("user:password", "")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"AXONS_SECRET_KEY": "short"}, "AXONS_SECRET_KEY is shorter than 32 characters."),
        ({"AXONS_ALLOWED_HOSTS": "*"}, "AXONS_ALLOWED_HOSTS is *"),
        ({"AXONS_PUBLIC_URL": None}, "AXONS_PUBLIC_URL is not set"),
    ],
)
def test_what_others_reach_must_be_strict_and_a_laptop_need_not(changes: dict[str, str | None], words: str) -> None:
    refused = start(**changes)
    assert refused.returncode == 1
    assert words in refused.stderr
    assert start("embedded", **changes).returncode == 0


@pytest.mark.parametrize(
    ("read", "name", "value", "words"),
    [
        ("text", "AXONS_S3_ACCESS_KEY", " ", "AXONS_S3_ACCESS_KEY is not set. Set it"),
        ("url", "AXONS_PUBLIC_URL", "axons.example.org", "like https://host"),
        ("url", "AXONS_PUBLIC_URL", "https://axons:no-port", "like https://host"),
        ("url", "AXONS_S3_ENDPOINT", "s3://bucket", "like https://host"),
        ("broker", "AXONS_BROKER_URL", "rabbit", "amqp://user:password@host//"),
        ("database", "AXONS_DATABASE_URL", "nonsense", "postgres://user:password@host/name"),
        ("database", "AXONS_DATABASE_URL", "postgres://host", "postgres://user:password@host/name"),
        ("origins", "AXONS_ALLOWED_ORIGINS", "https://lms.example.org/", "has no path"),
        ("origins", "AXONS_ALLOWED_ORIGINS", "lms.example.org", "https://lms.example.org"),
    ],
)
def test_a_wrong_value_is_named_with_its_fix(read: str, name: str, value: str, words: str) -> None:
    environment = Environment({name: value})
    getattr(environment, read)(name)
    (fault,) = environment.faults
    assert name in fault
    assert words in fault
    with pytest.raises(SystemExit, match=r"^axons-service: "):
        environment.check()


@pytest.mark.parametrize(
    ("read", "value", "more", "words"),
    [
        ("number", "soon", {"least": 1}, "number of at least 1"),
        ("number", "nan", {"least": 1}, "number of at least 1"),
        ("number", "inf", {"least": 1}, "number of at least 1"),
        ("number", "23", {"least": 24}, "number of at least 24"),
        ("integer", "2.5", {"least": 1}, "whole number of at least 1"),
        ("integer", "0", {"least": 1}, "whole number of at least 1"),
        ("choice", "verbose", {"choices": ("text", "json")}, "one of text, json"),
        ("choices", "resnet18,vgg", {"choices": ("resnet18", "resnet50")}, "takes resnet18, resnet50"),
        ("rate", "120", {}, "120/60"),
        ("rate", "120/0", {}, "120/60"),
        ("hosts", "https://axons.example.org", {}, "host names alone"),
        ("hosts", "axons.example.org:8000", {}, "host names alone"),
        ("stalls", "fetching=900", {}, "600,fetching=900"),
    ],
)
def test_a_value_of_the_wrong_shape_is_named(read: str, value: str, more: dict[str, Any], words: str) -> None:
    default: Any = {"number": 90, "integer": 20, "choice": "text", "choices": "", "stalls": "600"}.get(read, "off")
    environment = Environment({"AXONS_X": value})
    getattr(environment, read)("AXONS_X", default, **more)
    (fault,) = environment.faults
    assert "AXONS_X" in fault
    assert words in fault


def test_right_values_are_of_their_type() -> None:
    environment = Environment({"A": "1.5", "B": "7", "C": "json", "D": "10/60", "E": "a.example.org, [::1], .b.org"})
    assert environment.number("A", 3, least=1) == 1.5
    assert environment.integer("B", 3, least=1) == 7
    assert environment.choice("C", "text", ("text", "json")) == "json"
    assert environment.rate("D", "off") == "10/60"
    assert environment.hosts("E", "") == ["a.example.org", "[::1]", ".b.org"]
    assert environment.number("F", 3, least=1) == 3
    environment.check()


def test_a_name_that_is_nearly_a_setting_is_noticed_and_those_of_other_programs_are_not() -> None:
    environment = Environment({"AXONS_ALLOWED_ORIGIN": "x", "AXONS_POOL_TOKEN": "y", "AXONS_S3_BUCKET": "z"})
    for name in ("AXONS_ALLOWED_ORIGINS", "AXONS_S3_BUCKET", "AXONS_S3_REGION"):
        environment.text(name, "")
    assert environment.misspelt() == {"AXONS_ALLOWED_ORIGIN": "AXONS_ALLOWED_ORIGINS"}
