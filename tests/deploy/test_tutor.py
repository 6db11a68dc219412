"""The Tutor plugin: `tutor config save` renders a site in which LMS and service know each other."""

import json
import os
import re
import runpy
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from axons_runner import cli
from axons_xblock.config import REQUIRED
from tests.deploy.conftest import ROOT

PATCHES = ROOT / "deploy/tutor-axons/tutoraxons/patches"
Tutor = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tutor")


@pytest.fixture(scope="module")
def tutor(tools: Path, root: Path) -> Tutor:
    """Tutor itself, with the plugin enabled and saved once."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": os.environ["PATH"], "HOME": str(root), "TUTOR_ROOT": str(root)}
        environment["TUTOR_PLUGINS_ROOT"] = str(root / "plugins")
        command = [str(tools / "tutor"), *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True)

    run("plugins", "enable", "axons")
    run("config", "save", "--set", "LMS_HOST=lms.example.org", "--set", "ENABLE_HTTPS=true")
    return run


@pytest.fixture(scope="module")
def env(tutor: Tutor, root: Path) -> Path:
    return root / "env"


def settings_of(env: Path, program: str) -> dict[str, Any]:
    """XBLOCK_SETTINGS as the rendered settings of the LMS or Studio make them."""
    text = (env / f"apps/openedx/settings/{program}/production.py").read_text()
    compile(text, program, "exec")
    (block,) = re.findall(r"^XBLOCK_SETTINGS = globals.*?^\}$", text, re.MULTILINE | re.DOTALL)
    program_file = env / f"{program}-block.py"
    program_file.write_text(block)
    values = runpy.run_path(str(program_file), init_globals={"XBLOCK_SETTINGS": {"other": {"kept": True}}})
    assert values["XBLOCK_SETTINGS"]["other"] == {"kept": True}
    found: dict[str, Any] = values["XBLOCK_SETTINGS"]["axons"]
    return found


def public(pem: str) -> bytes:
    return load_pem_public_key(pem.encode()).public_bytes(Encoding.Raw, PublicFormat.Raw)


def public_of(private: str) -> bytes:
    key = load_pem_private_key(private.encode(), password=None)
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


@pytest.mark.parametrize("program", ["lms", "cms"])
def test_lms_and_studio_have_every_setting_of_the_xblock(env: Path, program: str) -> None:
    found = settings_of(env, program)
    assert set(REQUIRED) <= {name for name, value in found.items() if value}
    assert found["SERVICE_PUBLIC_URL"] == "https://axons.lms.example.org"


def test_each_side_holds_its_own_key_and_the_others_public_one(env: Path) -> None:
    lms = settings_of(env, "lms")
    keys = env / "apps/axons/keys"
    assert public_of(lms["PRIVATE_KEY"]) == public((keys / "lms.pub").read_text())
    assert public_of((keys / "service.pem").read_text()) == public(lms["SERVICE_PUBLIC_KEY"])
    assert public(lms["SERVICE_PUBLIC_KEY"]) != public((keys / "lms.pub").read_text())


def test_the_service_starts_with_what_is_rendered(env: Path, root: Path) -> None:
    values = dict(line.split("=", 1) for line in (env / "apps/axons/service.env").read_text().splitlines() if line)
    others = {key: value for key, value in os.environ.items() if not key.startswith(("AXONS_", "DJANGO_"))}
    program = (
        "from django.conf import settings; print(settings.AXONS_ENVIRONMENT.misspelt(), *settings.CORS_ALLOWED_ORIGINS)"
    )
    done = subprocess.run(
        [ROOT / ".venv/bin/python", "-c", program], env=others | values, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["{}", "https://lms.example.org", "https://studio.lms.example.org"]


def test_the_xblock_goes_into_the_image_and_the_service_beside_it(env: Path) -> None:
    dockerfile = (env / "build/openedx/Dockerfile").read_text()
    assert 'RUN pip install "axons-xblock==0.1.0"' in dockerfile
    compose = yaml.safe_load((env / "local/docker-compose.yml").read_text())
    ours = {name: each for name, each in compose["services"].items() if name.startswith("axons-")}
    assert set(ours) == {
        "axons-web", "axons-worker", "axons-beat", "axons-postgres", "axons-rabbitmq", "axons-s3",
        "axons-runner",
    }  # fmt: skip
    for service in ours.values():
        assert set(service.get("depends_on", [])) <= set(compose["services"])
        assert not service["image"].endswith(":latest")
        assert ":" in service["image"]
        assert "ports" not in service
    assert ours["axons-web"]["read_only"] is True
    jobs = yaml.safe_load((env / "local/docker-compose.jobs.yml").read_text())
    assert set(jobs["services"]["axons-job"]["depends_on"]) <= set(compose["services"])
    json.loads((env / "apps/axons/s3.json").read_text())
    caddy = (env / "apps/caddy/Caddyfile").read_text()
    assert "axons.lms.example.org{$default_site_port}" in caddy
    assert "s3.axons.lms.example.org{$default_site_port}" in caddy


def test_a_runner_works_for_the_pool_that_init_registers(env: Path) -> None:
    """Its token is a copy that its own user may read, of the file that the pool is registered with."""
    compose = yaml.safe_load((env / "local/docker-compose.yml").read_text())
    runner = compose["services"]["axons-runner"]
    assert runner["image"] == "ghcr.io/mupacif/axons-ovh:0.1.0"
    assert runner["user"] == "42420:42420"
    assert (runner["read_only"], runner["cap_drop"]) == (True, ["ALL"])
    assert runner["deploy"]["resources"]["limits"] == {"cpus": "2", "memory": "2G"}
    folder, inside, _ = runner["volumes"][0].split(":")
    assert runner["environment"]["AXONS_POOL_TOKEN_FILE"] == f"{inside}/pool-cpu"
    assert "--token-file /run/secrets/axons/pool-cpu" in (PATCHES.parent / "tasks/init.sh").read_text()
    permissions = compose["services"]["permissions"]
    assert f"{folder}:/mounts/axons-runner:z" in permissions["volumes"]
    script = (env / "apps/permissions/setowners.sh").read_text()
    assert "cp /mounts/axons-rendered/pool-cpu /mounts/axons-runner/" in script
    assert "setowner 42420 /mounts/axons-runner" in script
    options = cli.parse([*runner["command"], "--pool-token-file", str(env / "apps/axons/keys/pool-cpu")])
    assert (options.service, options.name) == ("http://axons-web:8000", "tutor-cpu")


def test_what_init_does_are_commands_of_the_service() -> None:
    from django.core.management import get_commands, load_command_class

    text = (ROOT / "deploy/tutor-axons/tutoraxons/tasks/init.sh").read_text().replace("\\\n", " ")
    found = re.findall(r"axons-service (\w+)([^\n]*)", text)
    assert [name for name, _ in found] == ["migrate", "site_register", "storage_prepare", "pool_register"]
    for name, rest in found:
        parser = load_command_class(get_commands()[name], name).create_parser("axons-service", name)
        known = {option for action in parser._actions for option in action.option_strings}
        assert set(re.findall(r"(?<= )--[a-z-]+", rest)) <= known


def test_what_was_made_once_stays(tutor: Tutor, env: Path) -> None:
    names = [
        "apps/axons/service.env",
        "apps/axons/keys/service.pem",
        "apps/axons/keys/lms.pub",
        "apps/axons/keys/pool-cpu",
    ]
    before = [(env / name).read_text() for name in names]
    tutor("config", "save")
    assert [(env / name).read_text() for name in names] == before
    token = tutor("config", "printvalue", "AXONS_POOL_TOKEN").stdout.strip()
    assert token == before[-1].strip()
    assert len(token) >= 32  # what pool_register takes


def test_servers_of_ones_own_take_the_place_of_ours(tutor: Tutor, env: Path) -> None:
    flags = [f"--set=AXONS_RUN_{name}=false" for name in ("POSTGRES", "RABBITMQ", "S3", "CPU_RUNNER")]
    tutor("config", "save", *flags, "--set=AXONS_DATABASE_URL=postgres://axons:x@elsewhere/axons")
    compose = yaml.safe_load((env / "local/docker-compose.yml").read_text())
    assert {name for name in compose["services"] if name.startswith("axons-")} == {
        "axons-web",
        "axons-worker",
        "axons-beat",
    }
    assert "postgres://axons:x@elsewhere/axons" in (env / "apps/axons/service.env").read_text()
    assert "s3.axons" not in (env / "apps/caddy/Caddyfile").read_text()
    jobs = yaml.safe_load((env / "local/docker-compose.jobs.yml").read_text())
    assert jobs["services"]["axons-job"]["depends_on"] == ["permissions"]
