"""Every expression of the alerts and the dashboard is PromQL."""

import json
import subprocess
from pathlib import Path

import yaml

from tests.deploy.conftest import ROOT

FOLDER = ROOT / "deploy/monitoring"
PARSE = """
import json, sys
import promql_parser
for expression in json.load(sys.stdin):
    promql_parser.parse(expression)
"""


def parse(tools: Path, expressions: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [tools / "python", "-c", PARSE], input=json.dumps(expressions), capture_output=True, text=True, check=False
    )


def test_every_expression_is_promql(tools: Path) -> None:
    groups = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    panels = json.loads((FOLDER / "grafana-axons.json").read_text())["panels"]
    found = [rule["expr"] for group in groups for rule in group["rules"]]
    found += [target["expr"] for panel in panels for target in panel["targets"]]
    assert len(found) > 15
    done = parse(tools, found)
    assert done.returncode == 0, done.stderr


def test_what_is_no_promql_would_be_noticed(tools: Path) -> None:
    assert parse(tools, ["sum by (pool axons_jobs"]).returncode != 0
