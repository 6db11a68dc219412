"""Which deployment a machine belongs to: told by a setting, or for good by the database."""

from typing import Any

import pytest

from axons_service.compute.deployment import deployment_label
from axons_service.compute.models import Deployment
from axons_service.settings.schema import Environment


def test_a_database_keeps_the_key_that_it_was_given(db: None) -> None:
    first = deployment_label()
    assert len(first) == 12
    assert deployment_label() == first
    assert Deployment.objects.count() == 1


def test_another_database_has_another_key(db: None) -> None:
    first = deployment_label()
    Deployment.objects.all().delete()
    assert deployment_label() != first


def test_the_setting_wins_and_asks_no_database(settings: Any) -> None:
    settings.AXONS_DEPLOYMENT = "staging"
    assert deployment_label() == "staging"


@pytest.mark.parametrize("value", ["", "a", "staging", "eu-west-1", "0" * 32])
def test_names_that_clouds_take_are_taken(value: str) -> None:
    environment = Environment({"AXONS_DEPLOYMENT": value})
    assert environment.label("AXONS_DEPLOYMENT") == value
    assert environment.faults == []


@pytest.mark.parametrize("value", ["Staging", "-a", "a-", "a b", "a_b", "a=b", "a,b", "0" * 33, "é"])
def test_a_name_that_no_cloud_takes_stops_the_start_with_a_sentence(value: str) -> None:
    environment = Environment({"AXONS_DEPLOYMENT": value})
    environment.label("AXONS_DEPLOYMENT")
    (sentence,) = environment.faults
    assert "AXONS_DEPLOYMENT" in sentence
    assert "1 to 32" in sentence
