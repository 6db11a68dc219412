"""rules.md is kept: every rule names a test, and every test that it names is there."""

import ast
import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROW = re.compile(r"^\| (\d+) \| (.+) \| (.+) \|$", re.MULTILINE)
RULES = ROW.findall((HERE / "rules.md").read_text(encoding="utf-8"))


def test_the_rules_are_numbered_without_a_gap() -> None:
    assert [int(number) for number, _, _ in RULES] == list(range(1, len(RULES) + 1))
    assert len(RULES) >= 48


@pytest.mark.parametrize(("number", "tests"), [(number, tests) for number, _, tests in RULES])
def test_every_rule_names_tests_that_exist(number: str, tests: str) -> None:
    named = re.findall(r"`([^`]+\.py)::(\w+)`", tests)
    assert named, f"rule {number} names no test"
    for file, name in named:
        tree = ast.parse((HERE / file).read_text(encoding="utf-8"))
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, f"{file}::{name}"


def test_every_test_here_holds_a_rule() -> None:
    named = {name for _, _, tests in RULES for name in re.findall(r"::(\w+)`", tests)}
    for path in HERE.glob("test_*.py"):
        if path.name != "test_rules.py":
            tests = {
                node.name
                for node in ast.parse(path.read_text(encoding="utf-8")).body
                if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
            }
            assert tests <= named, f"{path.name} has tests that no rule names"
