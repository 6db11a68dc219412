"""What the port promises, asked of every provider (`make conformance`)."""

from typing import Any

import pytest

from axons_service.compute.models import Pool
from axons_service.compute.providers.base import ProviderError, Rejected, Status
from tests.conformance.benches import BENCHES, Bench


def test_every_provider_of_a_pool_is_in_the_suite() -> None:
    assert set(BENCHES) == set(Pool.Provider.values)


def test_stopping_what_is_unknown_is_fine(bench: Bench) -> None:
    provider = bench.provider()
    provider.stop({})
    provider.stop({}, force=True)
    assert provider.machines() == []


def test_a_provider_that_starts_nothing_says_so(bench: Bench) -> None:
    provider = bench.provider()
    if provider.starts_runners:
        assert provider.start("gpu-00000001")
    else:
        with pytest.raises(Rejected, match="by hand"):
            provider.start("gpu-00000001")
        assert provider.poll({}) is Status.UNKNOWN


def test_a_machine_starts_runs_and_stops(starter: Bench) -> None:
    provider = starter.provider()
    handle = provider.start("gpu-00000001")
    assert provider.poll(handle) in (Status.STARTING, Status.ALIVE)
    starter.run(handle)
    assert provider.poll(handle) is Status.ALIVE
    (machine,) = provider.machines()
    assert (machine.name, machine.handle, machine.status) == ("gpu-00000001", handle, Status.ALIVE)
    assert machine.billed_from is not None
    assert starter.machines() == 1
    provider.stop(handle)
    starter.settle()
    assert provider.poll(handle) is Status.GONE
    assert provider.machines() == []
    assert starter.machines() == 0


def test_a_machine_that_was_asked_to_go_is_there_as_long_as_it_runs(starter: Bench) -> None:
    """It saves its checkpoint meanwhile, and is paid."""
    provider = starter.provider()
    handle = provider.start("gpu-00000001")
    starter.run(handle)
    provider.stop(handle)
    for _ in range(3):
        if provider.poll(handle) is Status.GONE or provider.machines() == []:
            assert starter.machines() == 0
        starter.settle()
    assert provider.poll(handle) is Status.GONE
    assert starter.machines() == 0


def test_starting_a_name_twice_starts_one_machine(starter: Bench) -> None:
    provider = starter.provider()
    first = provider.start("gpu-00000001")
    assert provider.start("gpu-00000001") == first
    starter.run(first)
    assert provider.start("gpu-00000001") == first
    assert starter.machines() == 1


def test_stopping_twice_and_by_force_is_fine(starter: Bench) -> None:
    provider = starter.provider()
    handle = provider.start("gpu-00000001")
    starter.run(handle)
    provider.stop(handle)
    provider.stop(handle, force=True)
    starter.settle()
    provider.stop(handle)
    provider.stop(handle, force=True)
    assert provider.poll(handle) is Status.GONE
    assert starter.machines() == 0


def test_a_machine_that_dies_is_seen(starter: Bench) -> None:
    provider = starter.provider()
    handle = provider.start("gpu-00000001")
    starter.run(handle)
    starter.die(handle)
    assert provider.poll(handle) is Status.GONE
    assert provider.machines() == []


def test_a_handle_survives_json_and_another_process(starter: Bench) -> None:
    import json

    handle = starter.provider().start("gpu-00000001")
    again = json.loads(json.dumps(handle))
    assert starter.provider().poll(again) in (Status.STARTING, Status.ALIVE)
    starter.provider().stop(again)


def test_pools_do_not_see_each_others_machines(starter: Bench) -> None:
    mine = starter.provider("gpu")
    handle = mine.start("gpu-00000001")
    if starter.provider_name == "local":
        starter.options["pool_token_file"] = str(starter.folder / "other-token")
    assert starter.provider("lab").machines() == []
    mine.stop(handle)


def test_deployments_with_one_pool_name_do_not_see_each_others_machines(remote: Bench, settings: Any) -> None:
    """In one project, or in one namespace."""
    theirs = remote.provider().start("gpu-00000001")
    settings.AXONS_DEPLOYMENT = "other"
    assert remote.provider().machines() == []
    assert remote.provider().namesakes("gpu-00000001") == []
    if remote.provider_name == "kubernetes":  # there a name is unique
        with pytest.raises(Rejected, match="deployment"):
            remote.provider().start("gpu-00000001")
    else:
        assert remote.provider().start("gpu-00000001") != theirs
    settings.AXONS_DEPLOYMENT = "ours"
    assert [machine.handle for machine in remote.provider().machines()] == [theirs]


def test_a_missing_option_is_named(starter: Bench) -> None:
    required = {"local": "pool_token_file", "kubernetes": "token_secret", "ovh": "image"}[starter.provider_name]
    del starter.options[required]
    with pytest.raises(Rejected, match=required):
        starter.provider().start("gpu-00000001")
    assert starter.machines() == 0


def test_a_provider_out_of_reach_is_an_error_not_a_death(remote: Bench) -> None:
    handle = remote.provider().start("gpu-00000001")
    remote.close()
    for call in (lambda: remote.provider().poll(handle), lambda: remote.provider().machines()):
        with pytest.raises(ProviderError):
            call()
