"""The compose files: what they name is there, what runs is hardened, and the reference host is not oversold."""

import json
import os
import re
import shutil
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from axons_service import broker
from tests.deploy.conftest import ROOT

FOLDER = ROOT / "deploy/compose"
HOST = {"cpus": 16.0, "memory": 16 * 1024}
SYSTEM = {"cpus": 1.0, "memory": 2 * 1024}
OURS = ("migrate", "web", "worker-control", "worker-prepare", "worker-deliver", "beat", "runner", "runner-cpu")
UNITS = {"M": 1, "G": 1024}
VALIDATE = """
import sys
from compose_spec import PyCompose
compose = PyCompose.from_yaml(sys.stdin.read())
compose.validate()
compose.to_spec()
print(len(compose.services))
"""
Service = dict[str, Any]


@lru_cache
def merged(other: str) -> dict[str, Any]:
    """`docker compose -f compose.yaml -f <other>`, of the part of merging that these files use."""
    base, more = (yaml.safe_load((FOLDER / name).read_text()) for name in ("compose.yaml", other))
    for name, changes in more["services"].items():
        base["services"][name] = {**base["services"].get(name, {}), **changes}
    base["volumes"] |= more.get("volumes") or {}
    return dict(base)


def example(**changes: str) -> dict[str, str]:
    """env.example with every value set."""
    lines = [line for line in (FOLDER / "env.example").read_text().splitlines() if line and not line.startswith("#")]
    values = dict(line.split("=", 1) for line in lines)
    return {name: value or "v" * 40 for name, value in values.items()} | changes


def filled(value: str) -> str:
    """With the variables of env.example put in, as compose does."""
    values = example()
    return re.sub(r"\$\{(\w+)(?::?[-?]([^}]*))?\}", lambda found: values.get(found[1]) or found[2] or "", value)


@pytest.mark.parametrize("other", ["compose.gpu-box.yaml", "compose.reference.yaml"])
def test_the_specification_takes_it(tools: Path, other: str) -> None:
    text = filled(yaml.safe_dump(merged(other), width=1000))
    done = subprocess.run([tools / "python", "-c", VALIDATE], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) == len(merged(other)["services"])


def test_the_specification_would_notice(tools: Path) -> None:
    wrong = yaml.safe_dump({"services": {"web": {"image": "x:1", "volumes": ["nowhere:/data"], "comand": ["x"]}}})
    done = subprocess.run([tools / "python", "-c", VALIDATE], input=wrong, capture_output=True, text=True, check=False)
    assert done.returncode != 0


def test_every_variable_is_in_the_example_and_the_other_way_round() -> None:
    text = "".join(path.read_text() for path in FOLDER.glob("compose*.yaml"))
    assert set(re.findall(r"\$\{(\w+)", text)) == set(example()) - {"COMPOSE_FILE"}
    empty = [line for line in (FOLDER / "env.example").read_text().splitlines() if line.endswith("=")]
    for line in empty:  # a password that nobody chose must stop the start
        name = line.rstrip("=")
        assert re.search(rf"\$\{{{name}:\?", text) or name == "AXONS_METRICS_TOKEN"


@pytest.mark.parametrize("other", ["compose.gpu-box.yaml", "compose.reference.yaml"])
def test_what_is_ours_is_hardened_and_everything_is_pinned(other: str) -> None:
    for name, service in merged(other)["services"].items():
        image = filled(service["image"])
        assert re.search(r":v?\d[\w.-]*$|@sha256:[0-9a-f]{64}$", image), image
        assert "privileged" not in service
        if name in OURS:
            assert service["read_only"] is True
            assert service["cap_drop"] == ["ALL"]
            assert service["security_opt"] == ["no-new-privileges:true"]
            assert int(service["user"].split(":")[0]) >= 10000
        if name not in ("proxy",):
            assert "ports" not in service, f"{name} is reachable from outside"


@pytest.mark.parametrize("other", ["compose.gpu-box.yaml", "compose.reference.yaml"])
def test_what_it_mounts_and_waits_for_is_there(other: str) -> None:
    compose = merged(other)
    for service in compose["services"].values():
        assert set(service.get("depends_on") or []) <= set(compose["services"])
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            made = source.startswith("./secrets")  # by the operator: docs/operator.md
            assert made or source in compose["volumes"] or (FOLDER / source).exists(), source


def test_every_queue_has_workers() -> None:
    commands = [service.get("command", []) for service in merged("compose.reference.yaml")["services"].values()]
    served = [part.split("=")[1] for command in commands for part in command if str(part).startswith("--queues=")]
    assert sorted(served) == sorted(broker.QUEUES)


def test_the_settings_start_the_service() -> None:
    given = merged("compose.gpu-box.yaml")["services"]["web"]["environment"]
    values = {name: filled(value) for name, value in given.items()}
    others = {key: value for key, value in os.environ.items() if not key.startswith(("AXONS_", "DJANGO_"))}
    others["DJANGO_SETTINGS_MODULE"] = "axons_service.settings.production"  # the image's own
    program = "import json; from django.conf import settings; print(json.dumps(settings.AXONS_ENVIRONMENT.misspelt()))"
    done = subprocess.run(
        [sys.executable, "-c", program], env=others | values, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {}


def test_the_reference_host_has_room_for_all_of_it() -> None:
    used = dict.fromkeys(HOST, 0.0)
    for name, service in merged("compose.reference.yaml")["services"].items():
        if name == "migrate":  # it has ended before the others begin
            continue
        limits = service["deploy"]["resources"]["limits"]
        count = service["deploy"].get("replicas", 1)
        used["cpus"] += count * float(limits["cpus"])
        used["memory"] += count * int(limits["memory"][:-1]) * UNITS[limits["memory"][-1]]
    assert used["cpus"] <= HOST["cpus"] - SYSTEM["cpus"]
    assert used["memory"] <= HOST["memory"] - SYSTEM["memory"]
    page = (ROOT / "docs/operator.md").read_text()
    assert f"{used['cpus']:g} vCores and {used['memory']:.0f} MiB" in page, f"docs/operator.md does not say {used}"


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    """deploy/compose after prepare.sh, elsewhere."""
    if os.geteuid() != 0 or shutil.which("openssl") is None:
        pytest.skip("prepare.sh wants root and openssl")
    folder = tmp_path / "compose"
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("secrets", ".env"))
    names = ["axons.uni.example", "lms.uni.example", "studio.uni.example"]
    subprocess.run([folder / "prepare.sh", *names], check=True, capture_output=True)
    return folder


def test_prepare_makes_every_value_and_gives_secrets_to_those_who_read_them(prepared: Path) -> None:
    values = dict(
        line.split("=", 1) for line in (prepared / ".env").read_text().splitlines() if line and not line.startswith("#")
    )
    assert set(values) == set(example())
    assert all(values.values())
    assert values["AXONS_ALLOWED_ORIGINS"] == "https://lms.uni.example,https://studio.uni.example"
    assert len({value for name, value in values.items() if len(value) == 64}) == 5
    secrets = prepared / "secrets"
    key = load_pem_private_key((secrets / "service.pem").read_bytes(), password=None)
    public = load_pem_public_key((secrets / "service.pub").read_bytes())
    assert isinstance(key, Ed25519PrivateKey)
    assert isinstance(public, Ed25519PublicKey)
    assert key.public_key().public_bytes_raw() == public.public_bytes_raw()
    stored = json.loads((secrets / "store/s3.json").read_text())["identities"][0]["credentials"][0]
    assert stored == {"accessKey": "axons", "secretKey": values["AXONS_S3_SECRET_KEY"]}

    def who(name: str) -> tuple[int, int, str]:
        about = (secrets / name).stat()
        return about.st_uid, about.st_gid, oct(about.st_mode & 0o777)

    assert who("service.pem") == (10001, 10001, "0o600")
    assert who("pool-gpu") == (42420, 10001, "0o640")
    assert who("lms.pem") == (0, 0, "0o600")


def test_prepare_again_changes_nothing(prepared: Path) -> None:
    def content() -> dict[Path, str]:
        return {path: path.read_text() for path in prepared.rglob("*") if path.is_file()}

    before = content()
    subprocess.run([prepared / "prepare.sh", "other", "names", "now"], check=True, capture_output=True)
    assert content() == before
