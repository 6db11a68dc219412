"""What the distribution asks of an LMS's virtualenv, and what it brings."""

import ast
import importlib
import re
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "axons_xblock"
LMS_HAS = {"xblock", "requests", "pyjwt"}
DROPPED = {"pkg_resources", "six", "distutils", "imp", "mock"}


@pytest.fixture
def arguments(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What setup.py passes to setuptools."""
    import setuptools

    passed: dict[str, Any] = {}
    monkeypatch.setattr(setuptools, "setup", passed.update)
    runpy.run_path(str(ROOT / "setup.py"), run_name="setup")
    return passed


def app_config(arguments: dict[str, Any], project: str) -> Any:
    """edx_django_utils/plugins/plugin_manager.py: what an entry point of this project type names"""
    (line,) = arguments["entry_points"][project]
    label, _, path = (part.strip() for part in line.partition("="))
    module, _, name = path.partition(":")
    config = getattr(importlib.import_module(module), name)
    assert config.label == label
    return config


def imported() -> Iterator[str]:
    for path in PACKAGE.rglob("*.py"):
        if "node_modules" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield node.module or ""


def test_the_distribution_allows_every_supported_lms(arguments: dict[str, Any]) -> None:
    from packaging.specifiers import SpecifierSet

    (xblock,) = (line for line in arguments["install_requires"] if line.lower().startswith("xblock"))
    allowed = SpecifierSet(xblock[len("XBlock") :])
    assert all(version in allowed for version in ("5.2.0", "5.3.0", "6.1.0", "6.3.4"))
    pythons = SpecifierSet(arguments["python_requires"])
    assert all(version in pythons for version in ("3.11.7", "3.12.1"))
    assert f"{sys.version_info.major}.{sys.version_info.minor}" in pythons


def test_it_asks_for_nothing_that_an_lms_lacks(arguments: dict[str, Any]) -> None:
    names = {re.match(r"[A-Za-z0-9-]+", line)[0].lower() for line in arguments["install_requires"]}  # type: ignore[index]
    assert names == LMS_HAS


def test_web_fragments_is_imported_and_not_listed(arguments: dict[str, Any]) -> None:
    assert "web_fragments.fragment" in set(imported())
    assert not any("fragments" in line for line in arguments["install_requires"])


def test_what_the_platform_serves_travels_with_the_package(arguments: dict[str, Any]) -> None:
    files = set(arguments["package_data"]["axons_xblock"])
    assert {"static/axons.js", "static/axons.css", "conf/locale/en/LC_MESSAGES/text.po"} <= files
    assert "translations/en/LC_MESSAGES/text.po" in files, "XBlock's i18n service looks into translations/"
    assert any(file.startswith("static/chunks/") for file in files)


def test_nothing_that_the_platform_dropped_is_imported() -> None:
    assert not {name.partition(".")[0] for name in imported()} & DROPPED
