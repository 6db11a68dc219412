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


def test_every_setting_that_an_installation_names_is_read() -> None:
    page = text_of(ROOT / "docs/install-openedx.md")
    named = {name for name in re.findall(r"`(AXONS_[A-Z0-9_]+)`", page) if not name.startswith(KNOBS)}
    assert named
    assert {name for name in named if name not in SETTINGS} == set()
    assert set(REQUIRED) <= set(re.findall(r'"([A-Z_]+)": ', page))


def test_the_runner_takes_what_the_installation_passes() -> None:
    (line,) = re.findall(r"^axons-runner (.+)$", text_of(ROOT / "docs/install-openedx.md"), re.MULTILINE)
    printed = subprocess.run(
        [sys.executable, "-m", "axons_runner", "--help"],
        env=os.environ | {"PYTHONPATH": str(ROOT / "gpu_image")},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert all(flag in printed for flag in re.findall(r"--[a-z-]+", line))
