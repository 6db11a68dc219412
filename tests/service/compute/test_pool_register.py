"""`pool_register` sets what a pool costs, when it is warm, where its jobs go; what is not named stays."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from axons_service.compute.models import Pool

pytestmark = pytest.mark.django_db


def register(*flags: str, name: str = "gpu") -> Pool:
    call_command("pool_register", "--name", name, "--title", "GPU", "--provider", "static", *flags, stdout=None)
    return Pool.objects.get(name=name)


def test_every_flag_arrives(capsys: pytest.CaptureFixture[str]) -> None:
    register(name="cpu")
    pool = register(
        *("--price", "1.80", "--currency", "EUR", "--billing-unit", "60", "--budget", "40"),
        *("--window", "mon-fri 07:45-12:00 20 Europe/Paris", "--window", "sat 09:00-10:00 2"),
        *("--spare", "1", "--target-wait", "30", "--idle", "300", "--cool-down", "60", "--start-timeout", "600"),
        *("--fallback", "cpu", "--option", "image=ghcr.io/x/y:1", "--option", 'node_selector={"gpu": "v100s"}'),
        *("--option", "gpus=2"),
    )
    assert (pool.price_per_hour, pool.currency, pool.billing_unit_seconds) == (Decimal("1.8"), "EUR", 60)
    assert (pool.budget_per_day, pool.spare_runners, pool.target_wait_seconds) == (40, 1, 30)
    assert (pool.idle_seconds, pool.cool_down_seconds, pool.start_timeout_seconds) == (300, 60, 600)
    assert pool.warm_windows == [
        {"days": "mon-fri", "from": "07:45", "until": "12:00", "runners": 20, "zone": "Europe/Paris"},
        {"days": "sat", "from": "09:00", "until": "10:00", "runners": 2},
    ]
    assert pool.options == {
        "image": "ghcr.io/x/y:1",
        "node_selector": {"gpu": "v100s"},
        "gpus": 2,
        "fallback_pools": ["cpu"],
    }


def test_what_is_not_named_stays_and_none_forgets(capsys: pytest.CaptureFixture[str]) -> None:
    register(name="cpu")
    register("--price", "1.80", "--budget", "40", "--fallback", "cpu", "--option", "image=x:1", "--option", "gpus=2")
    pool = register("--budget", "none", "--fallback", "none", "--option", "gpus=null")
    assert (pool.price_per_hour, pool.budget_per_day, pool.options) == (Decimal("1.8"), None, {"image": "x:1"})


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--window", "mon-fri 07:45 20"), "from and until are times"),
        (("--window", "mon-fri 07:45-12:00 many"), "runners is a whole number"),
        (("--window", "mon-fri 07:45-12:00 2 Europe/Nowhere"), "no time zone"),
        (("--fallback", "nowhere"), "--fallback nowhere"),
        (("--fallback", "gpu"), "--fallback gpu"),
        (("--option", "image"), "NAME=VALUE"),
        (("--currency", "EURO"), "currency"),
        (("--price", "123456789012"), "price_per_hour"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_sentence(flags: tuple[str, ...], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        register(*flags)
    assert not Pool.objects.filter(name="gpu").exists()


def test_a_token_file_is_made_for_its_owner_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "token"
    pool = register("--token-file", str(path))
    assert path.stat().st_mode & 0o777 == 0o600
    before: Any = pool.token_sha256
    assert register("--token-file", str(path)).token_sha256 == before
