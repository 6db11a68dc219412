"""The dashboard and the alert rules of `deploy/monitoring` name only metrics that the service exports."""

import json
import re
from pathlib import Path

import pytest
import yaml
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from axons_service.operations import metrics

FOLDER = Path(__file__).resolve().parents[3] / "deploy" / "monitoring"
RULES = [rule for group in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"] for rule in group["rules"]]
PANELS = json.loads((FOLDER / "grafana-axons.json").read_text())["panels"]


def test_every_metric_that_they_name_is_exported(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "_task_letters", lambda: 0)
    families = text_string_to_metric_families(generate_latest(metrics.registry).decode())
    exported = {sample.name for family in families for sample in family.samples}
    asked = [rule["expr"] for rule in RULES] + [target["expr"] for panel in PANELS for target in panel["targets"]]
    named = {name for expression in asked for name in re.findall(r"axons_\w+", expression)}
    assert named
    assert named <= exported


def test_every_alert_says_what_to_do() -> None:
    names = [rule["alert"] for rule in RULES]
    assert len(set(names)) == len(names) > 0
    for rule in RULES:
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["fix"].endswith(".")
        assert rule["labels"]["severity"] in ("page", "ticket")


def test_every_panel_has_a_place_of_its_own() -> None:
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in PANELS]
    assert len(set(places)) == len(places) == len({panel["id"] for panel in PANELS})
