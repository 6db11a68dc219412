"""The plugin's settings in the LMS and in Studio: completed where the site uses Axons, untouched where it does not."""

import importlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from axons_xblock.config import Config
from axons_xblock.errors import Problem
from axons_xblock.lms_plugin.apps import AxonsCmsConfig
from tests.lms_contract.test_packaging import app_config, arguments
from tests.xblock.support import SITE_PRIVATE, settings

__all__ = ["arguments"]

BOTH = pytest.mark.parametrize("project", ["lms.djangoapp", "cms.djangoapp"])


def started(arguments: dict[str, Any], project: str, xblock_settings: Any, kind: str = "production") -> Any:
    """edx_django_utils/plugins/plugin_settings.py: add_plugins, after the site's own settings were read"""
    config = app_config(arguments, project)
    wanted = config.plugin_app["settings_config"][project][kind]
    module = importlib.import_module(f"{config.name}.{wanted['relative_path']}")
    loaded = SimpleNamespace(XBLOCK_SETTINGS=xblock_settings)
    module.plugin_settings(loaded)
    return loaded.XBLOCK_SETTINGS


def by_files(tmp_path: Path) -> dict[str, Any]:
    """A site whose settings are YAML: keys by the names of their files."""
    bucket = settings()
    for name in ("PRIVATE_KEY", "SERVICE_PUBLIC_KEY"):
        path = tmp_path / name
        path.write_text(bucket.pop(name))
        bucket[f"{name}_FILE"] = str(path)
    return bucket


def test_studio_finds_the_plugin_too(arguments: dict[str, Any]) -> None:
    config = app_config(arguments, "cms.djangoapp")
    assert config is AxonsCmsConfig
    assert config.label != app_config(arguments, "lms.djangoapp").label, "a process may not load one label twice"
    assert "signals_config" not in config.plugin_app, "retirement is the LMS's"


@BOTH
@pytest.mark.parametrize("kind", ["production", "devstack"])
def test_keys_are_read_from_the_files_that_a_site_names(
    arguments: dict[str, Any], tmp_path: Path, project: str, kind: str
) -> None:
    whole = started(arguments, project, {"axons": by_files(tmp_path), "other": {"x": 1}}, kind)
    config = Config.from_settings(whole["axons"])
    assert config.private_key == SITE_PRIVATE
    assert config.timeout_seconds == 5, "the site's own"
    assert whole["other"] == {"x": 1}


@BOTH
def test_what_the_site_wrote_stays_and_the_rest_has_defaults(arguments: dict[str, Any], project: str) -> None:
    bucket = settings(PRIVATE_KEY_FILE="/nowhere")
    del bucket["TIMEOUT_SECONDS"]
    assert started(arguments, project, {"axons": bucket})["axons"] == {**bucket, "TIMEOUT_SECONDS": 10.0}


@BOTH
def test_a_file_that_cannot_be_read_stops_the_exercise_and_not_the_lms(
    arguments: dict[str, Any], tmp_path: Path, project: str
) -> None:
    bucket = {**by_files(tmp_path), "PRIVATE_KEY_FILE": str(tmp_path / "gone")}
    whole = started(arguments, project, {"axons": bucket})
    with pytest.raises(Problem, match="administrator") as refused:
        Config.from_settings(whole["axons"])
    assert "PRIVATE_KEY" in refused.value.sentence()


@BOTH
@pytest.mark.parametrize("unused", [{}, {"axons": {}}, {"other": {"x": 1}}, None])
def test_a_site_that_never_used_axons_stays_as_it_is(arguments: dict[str, Any], project: str, unused: Any) -> None:
    assert started(arguments, project, unused) == unused
