"""What the documentation tells people to type exists."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

from axons_xblock.config import REQUIRED

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SETTINGS = "".join(path.read_text() for path in (ROOT / "axons_service/axons_service/settings").glob("*.py"))
KNOBS = ("AXONS_RATE_",)  # families whose members are built from names


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8").replace("\\\n", " ")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_management_command_takes_what_the_page_passes(page: Path) -> None:
    apps = get_commands()
    for name, rest in re.findall(r"axons-service ([a-z_]+)((?: +[^\n`#]+)?)", text_of(page)):
        assert name in apps, f"{page.name}: there is no command {name}"
        parser = load_command_class(apps[name], name).create_parser("axons-service", name)
        known = {option for action in parser._actions for option in action.option_strings}
        passed = set(re.findall(r"(?<= )--[a-z-]+", rest))
        assert passed <= known, f"{page.name}: {name} does not know {passed - known}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_make_target_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", text_of(page), re.MULTILINE))
    assert named <= targets, f"{page.name}: make has no {named - targets}"


OPERATOR = ROOT / "docs/operator.md"


def test_a_lab_gpu_takes_ten_commands_at_most() -> None:
    (block,) = re.findall(r"## From nothing to a working lab GPU.*?```sh\n(.*?)```", text_of(OPERATOR), re.DOTALL)
    commands = block.strip().splitlines()
    assert 5 < len(commands) <= 10
    assert commands[-1].endswith("axons-service doctor")
    for command in commands:
        for path in re.findall(r"-f (\S+)|\./(\S+\.sh)|^cd (deploy\S+)", command):
            (named,) = filter(None, path)
            assert (ROOT / named).exists() or (ROOT / "deploy/compose" / named).exists(), command
        for service in re.findall(r"docker compose exec (\S+)", command):
            assert f"\n  {service}:\n" in (ROOT / "deploy/compose/compose.yaml").read_text()
    made = (ROOT / "deploy/compose/prepare.sh").read_text()
    for name in re.findall(r"/run/secrets/axons/(\S+)", block):
        assert name.split(".")[0].split("-")[0] in made, f"prepare.sh does not make {name}"


def test_the_operators_page_names_every_setting_and_no_other() -> None:
    table = re.findall(r"^\| `(?:AXONS|DJANGO)_.*$", text_of(OPERATOR), re.MULTILINE)
    named = {name for row in table for name in re.findall(r"`(AXONS_[A-Z0-9_]+)`", row)}
    read = set(re.findall(r'environment\.\w+\(\s*"(AXONS_[A-Z0-9_]+)"', SETTINGS))
    assert read - named <= {"AXONS_STATIC_ROOT", "AXONS_DATA_DIR"}, "docs/operator.md lacks these"
    assert {name for name in named - read if not name.startswith(KNOBS)} == set(), "nothing reads these"


@pytest.mark.parametrize("page", [OPERATOR, ROOT / "deploy/tutor-axons/README.md"], ids=lambda page: page.name)
def test_the_runner_takes_what_an_operator_passes(page: Path) -> None:
    printed = runner_help()
    lines = re.findall(r"(?:axons-ovh:\S+|axons-runner) (--service .+)$", text_of(page), re.MULTILINE)
    assert lines
    for line in lines:
        assert all(flag in printed for flag in re.findall(r"(?<= )--[a-z-]+", f" {line}")), line


def test_every_setting_that_an_installation_names_is_read() -> None:
    page = text_of(ROOT / "docs/install-openedx.md")
    named = {name for name in re.findall(r"`(AXONS_[A-Z0-9_]+)`", page) if not name.startswith(KNOBS)}
    assert named
    assert {name for name in named if name not in SETTINGS} == set()
    assert set(REQUIRED) <= set(re.findall(r'"([A-Z_]+)": ', page))


def test_the_runner_takes_what_the_installation_passes() -> None:
    (line,) = re.findall(r"^axons-runner (.+)$", text_of(ROOT / "docs/install-openedx.md"), re.MULTILINE)
    printed = runner_help()
    assert all(flag in printed for flag in re.findall(r"--[a-z-]+", line))


def runner_help() -> str:
    return subprocess.run(
        [sys.executable, "-m", "axons_runner", "--help"],
        env=os.environ | {"PYTHONPATH": str(ROOT / "gpu_image")},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
