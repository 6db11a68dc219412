"""The images are built from what is there, as nobody in particular, from pinned bases."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.conftest import ROOT

FILES = [ROOT / "axons_service/Dockerfile", ROOT / "gpu_image/Dockerfile"]
# Debian's and Ubuntu's mirrors drop old versions: a pinned one breaks the build. The service's layers are few already.
ALLOWED = ("DL3008", "DL3059")


def instructions(path: Path) -> list[tuple[str, str]]:
    """Name and text of each instruction, its lines joined."""
    text = re.sub(r"^\s*#.*\n", "", path.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in text.splitlines() if line.strip()]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name)
def test_hadolint_finds_nothing(tools: Path, path: Path) -> None:
    command = [tools / "hadolint", "--no-color", *(f"--ignore={rule}" for rule in ALLOWED), path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name)
def test_it_runs_as_a_user_by_number_and_from_a_pinned_base(path: Path) -> None:
    found = instructions(path)
    for name, text in found:
        if name == "FROM":
            assert re.match(r"\S+:\d[\w.-]*( AS \w+)?$", text), text
    users = [text for name, text in found if name == "USER"]
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", users[-1])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name)
def test_what_it_copies_is_in_the_repository(path: Path) -> None:
    for name, text in instructions(path):
        if name == "COPY" and "--from=" not in text:
            for source in text.split()[:-1]:
                assert (ROOT / source).exists(), source


def test_the_admins_files_can_be_collected_as_the_build_does(tmp_path: Path) -> None:
    (command,) = [text for name, text in instructions(FILES[0]) if name == "RUN" and "collectstatic" in text]
    command = command.replace("/opt/axons/static", str(tmp_path / "static"))
    command = command.replace("axons-service", f"{sys.executable} -m axons_service.cli")
    done = subprocess.run(
        ["/bin/sh", "-c", command], env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "static/admin/css/base.css").exists()


def test_the_user_of_the_image_is_the_one_of_the_manifests() -> None:
    (user,) = [text for name, text in instructions(FILES[0]) if name == "USER"]
    number = user.split(":")[0]
    assert f"runAsUser: {number}" in (ROOT / "deploy/kubernetes/base/web.yaml").read_text()
    assert f'user: "{user}"' in (ROOT / "deploy/compose/compose.yaml").read_text()
