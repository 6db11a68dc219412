"""What a provider did not do is counted by its kind, for the metrics; so is what the policy asked for."""

from collections.abc import Callable
from typing import Any

import pytest

from axons_service.compute import fleet
from axons_service.compute.models import Pool, ProviderFault
from axons_service.compute.providers.base import NoCapacity, Provider, ProviderError
from axons_service.compute.services import pool_scale

MakePool = Callable[..., Pool]


def counted() -> dict[str, int]:
    return dict(ProviderFault.objects.values_list("kind", "count"))


def failing(call: str, error: Exception) -> Callable[[Pool], Provider]:
    """The pool's real provider, one call of which fails."""
    from axons_service.compute.providers import provider_of

    def broken(*args: Any, **more: Any) -> Any:
        raise error

    def make(pool: Pool) -> Provider:
        provider = provider_of(pool)
        setattr(provider, call, broken)
        return provider

    return make


@pytest.mark.parametrize(
    ("call", "error", "kind"),
    [
        ("machines", ProviderError("It does not answer."), "unreachable"),
        ("start", NoCapacity("Nothing is free."), "no_capacity"),
        ("start", KeyError("a defect of ours"), "defect"),
    ],
)
def test_every_error_is_counted_by_its_kind(
    make_pool: MakePool, monkeypatch: pytest.MonkeyPatch, call: str, error: Exception, kind: str
) -> None:
    pool = make_pool(least=1)
    monkeypatch.setattr(fleet, "provider_of", failing(call, error))
    pool_scale(pool_id=pool.pk)
    assert counted() == {kind: 1}
    Pool.objects.update(blocked_until=None)
    pool_scale(pool_id=pool.pk)
    assert counted() == {kind: 2}


def test_a_pool_that_was_never_set_up_is_rejected(db: None) -> None:
    pool = Pool.objects.create(name="v100s", title="", provider="ovh", token_sha256="", min_runners=1)
    pool_scale(pool_id=pool.pk)
    assert counted() == {"rejected": 1}


def test_what_the_policy_asked_for_is_kept(make_pool: MakePool) -> None:
    pool = make_pool(least=2, most=3)
    pool_scale(pool_id=pool.pk)
    assert Pool.objects.get(pk=pool.pk).desired_runners == 2
