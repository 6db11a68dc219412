"""The dashboard and the alert rules of `deploy/monitoring` name only metrics that the service exports."""

import json
import re
from pathlib import Path

import pytest
import yaml
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from axons_service.compute.models import Pool
from axons_service.operations import metrics
from tests.service import builders

FOLDER = Path(__file__).resolve().parents[3] / "deploy" / "monitoring"
RULES = [rule for group in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"] for rule in group["rules"]]
PANELS = json.loads((FOLDER / "grafana-axons.json").read_text())["panels"]


LABELLED = re.compile(r"(axons_\w+)(?:\{([^}]*)\})?")


def expressions() -> list[str]:
    return [rule["expr"] for rule in RULES] + [target["expr"] for panel in PANELS for target in panel["targets"]]


@pytest.fixture
def exported(db: None, monkeypatch: pytest.MonkeyPatch) -> dict[str, set[str]]:
    """The labels of every metric of a service with a pool that has a budget."""
    monkeypatch.setattr(metrics, "_task_letters", lambda: 0)
    monkeypatch.setattr(metrics, "_queue_depths", lambda: {"prepare": 0})
    builders.pool()
    Pool.objects.update(budget_per_day=10)
    families = text_string_to_metric_families(generate_latest(metrics.registry).decode())
    return {sample.name: set(sample.labels) for family in families for sample in family.samples}


def test_every_metric_that_they_name_is_exported(exported: dict[str, set[str]]) -> None:
    named = {name for expression in expressions() for name, _ in LABELLED.findall(expression)}
    assert named
    assert named <= set(exported)


def test_every_label_that_they_name_is_one_of_the_metrics_beside_it(exported: dict[str, set[str]]) -> None:
    for expression in expressions():
        labels = set().union(*(exported[name] for name, _ in LABELLED.findall(expression)))
        grouped = {name for group in re.findall(r"(?:by|on) \(([^)]*)\)", expression) for name in group.split(", ")}
        assert grouped <= labels, expression
        for metric, matchers in LABELLED.findall(expression):
            assert set(re.findall(r"(\w+)(?==|!=)", re.sub(r'"[^"]*"', "", matchers))) <= exported[metric], expression
    for rule in RULES:
        texts = " ".join(rule["annotations"].values())
        assert set(re.findall(r"\$labels\.(\w+)", texts)) <= set(re.findall(r"\w+", rule["expr"])), rule["alert"]
    for panel in PANELS:
        for target in panel["targets"]:
            assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= set(re.findall(r"\w+", target["expr"]))


def test_every_metric_is_on_the_dashboard_or_in_an_alert(exported: dict[str, set[str]]) -> None:
    named = {name for expression in expressions() for name, _ in LABELLED.findall(expression)}
    assert set(exported) - named <= {"axons_pool_most_machines", "axons_pool_blocked"}


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
