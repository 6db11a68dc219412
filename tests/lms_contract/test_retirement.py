"""User retirement: the plugin is found as the platform finds it, and forgets nobody half-way."""

import importlib
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.dispatch import Signal
from django.test import override_settings

from axons_xblock.access import author_id, workshop_id
from axons_xblock.lms_plugin.apps import AxonsLmsConfig
from axons_xblock.lms_plugin.retirement import ErasureFailed
from tests.lms_contract.test_packaging import app_config, arguments
from tests.xblock.support import SITE, TrainingService, settings

__all__ = ["arguments"]

ERASE = "/api/v1/learners/erase"
ERASED = {"id": 1, "projects": 1, "rows": 3, "erased_at": "2026-11-27T08:00:00+00:00"}


@dataclass
class AnonymousIds:
    """common/djangoapps/student/models/user.py: the reverse side of AnonymousUserId.user"""

    ids: list[str]

    def values_list(self, name: str, *, flat: bool) -> list[str]:
        assert (name, flat) == ("anonymous_user_id", True)
        return self.ids


@dataclass
class RetiredUser:
    """django.contrib.auth.models.User, as the retirement's views pass it"""

    id: int = 7
    username: str = "ada"
    email: str = "ada@example.org"
    anonymoususerid_set: AnonymousIds = field(default_factory=lambda: AnonymousIds(["a" * 32, "b" * 32]))


def connected() -> Signal:
    """edx_django_utils/plugins/plugin_signals.py: connect_plugin_receivers, for the LMS"""
    config = AxonsLmsConfig.plugin_app["signals_config"]["lms.djangoapp"]
    module = importlib.import_module(f"{AxonsLmsConfig.name}.{config['relative_path']}")
    (receiver,) = config["receivers"]
    signal = Signal()
    signal.connect(getattr(module, receiver["receiver_func_name"]), dispatch_uid=receiver["dispatch_uid"])
    return signal


def retire(bucket: dict[str, Any] | None) -> None:
    """openedx/core/djangoapps/user_api/accounts/views.py: LMSAccountRetirementView"""
    xblocks = {} if bucket is None else {"axons": bucket}
    with override_settings(XBLOCK_SETTINGS=xblocks):
        connected().send(sender=object, user=RetiredUser(), retired_username="retired__1", retired_email="r@x.org")


def test_the_platform_finds_the_plugin(arguments: dict[str, Any]) -> None:
    assert app_config(arguments, "lms.djangoapp") is AxonsLmsConfig
    (receiver,) = AxonsLmsConfig.plugin_app["signals_config"]["lms.djangoapp"]["receivers"]
    assert receiver["signal_path"].endswith("user_api.accounts.signals.USER_RETIRE_LMS_CRITICAL")


def test_a_retired_user_is_erased_under_every_id(service: TrainingService) -> None:
    service.answer("POST", ERASE, ERASED)
    retire(settings(service.url))
    ids = ["a" * 32, "b" * 32, author_id(SITE, 7), workshop_id(SITE, 7)]
    assert [request.body for request in service.received] == [{"learner": learner} for learner in ids]
    assert {request.claims["role"] for request in service.received} == {"site"}
    sent = [str((request.body, {**request.claims, "jti": ""})) for request in service.received]  # a jti is random
    assert not any("ada" in each for each in sent)


def test_a_service_that_is_down_stops_the_retirement_after_every_id_was_tried(service: TrainingService) -> None:
    service.answer("POST", ERASE, {"detail": "Later."}, 503)
    with pytest.raises(ErasureFailed, match=r"4 of a retired user's 4 ids .* Run the retirement again"):
        retire(settings(service.url))
    assert len(service.received) == 4
    service.answer("POST", ERASE, ERASED)
    retire(settings(service.url))
    assert len(service.received) == 8


def test_half_a_configuration_stops_the_retirement(service: TrainingService) -> None:
    with pytest.raises(ErasureFailed, match="PRIVATE_KEY"):
        retire(settings(service.url) | {"PRIVATE_KEY": ""})
    assert service.received == []


def test_a_site_that_never_used_axons_retires_its_users(service: TrainingService) -> None:
    retire(None)
    assert service.received == []
