"""People, cohorts and teams out of the LMS's own tables (`roster_world.py` makes them)."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def found() -> Any:
    """What the roster finds in a course of three, in two cohorts and three teams, beside another course."""
    kept = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    argv = [sys.executable, "-m", "tests.xblock.roster_world"]
    done = subprocess.run(
        argv, cwd=ROOT, env={**kept, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_page_of_a_class_of_ten_thousand_gets_its_names_by_one_query(found: Any) -> None:
    assert found["a small class"]["queries"] == found["a large class"]["queries"] == 1
    assert found["a large class"]["milliseconds"] < 50, "of 150 for the whole page"


def test_a_text_finds_names_and_user_names_of_this_course(found: Any) -> None:
    assert found["by name"] == ["ada@Vision", "cleo@Vision"]


def test_cohorts_are_those_of_this_course(found: Any) -> None:
    assert found["cohorts"] == ["Evening", "Morning"]
    assert found["by cohort"] == ["ada@Vision", "bob@Vision"]
    assert found["no cohort"] == [], "another kind of group"


def test_teams_are_those_of_this_course_whatever_their_topic(found: Any) -> None:
    assert found["teams"] == ["Blue", "Red"]
    assert found["by team"] == ["ada@Vision", "bob@Vision", "cleo@Vision"]
    assert found["of another course"] == []


def test_wishes_narrow_each_other(found: Any) -> None:
    assert found["by all"] == ["ada@Vision"]


def test_names_come_in_one_go_and_nobody_is_a_stranger_without_one(found: Any) -> None:
    assert found["names"] == {
        "ada@Vision": {"name": "Ada Lovelace", "username": "ada"},
        "gone": {"name": "gone", "username": ""},
    }
