"""Every provider keeps the port's promises; the local one with real processes."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from axons_service.compute.models import Pool
from axons_service.compute.providers import BACKENDS, provider_of
from axons_service.compute.providers.base import Status
from tests.service.compute.conftest import processes, wait_until

MakePool = Callable[..., Pool]


def test_every_provider_of_a_pool_has_a_backend() -> None:
    assert set(BACKENDS) == set(Pool.Provider.values)


def test_stopping_what_is_gone_or_unknown_is_fine(make_pool: MakePool) -> None:
    for name in BACKENDS:
        pool = make_pool()
        pool.provider = name
        provider = provider_of(pool)
        provider.stop({})
        provider.stop({"pid": 2**22 - 3, "started": 0.0}, force=True)
        assert provider.runners() == {}


def test_a_runner_starts_lives_and_stops(make_pool: MakePool, tmp_path: Path) -> None:
    provider = provider_of(make_pool())
    handle = provider.start("cpu-1")
    assert provider.poll(handle) is Status.ALIVE
    assert provider.runners() == {"cpu-1": handle}
    wait_until(lambda: "--name cpu-1" in (tmp_path / "logs" / "runner-cpu-1.log").read_text())
    provider.stop(handle)
    wait_until(lambda: provider.poll(handle) is Status.GONE)
    assert processes(tmp_path) == []


def test_starting_the_same_name_twice_starts_one(make_pool: MakePool, tmp_path: Path) -> None:
    provider = provider_of(make_pool())
    assert provider.start("cpu-1") == provider.start("cpu-1")
    assert len(processes(tmp_path)) == 1


def test_a_killed_runner_is_seen(make_pool: MakePool) -> None:
    provider = provider_of(make_pool())
    handle = provider.start("cpu-1")
    os.kill(handle["pid"], 9)
    wait_until(lambda: provider.poll(handle) is Status.GONE)
    assert provider.runners() == {}


def test_a_stubborn_runner_is_killed_by_force(make_pool: MakePool, tmp_path: Path) -> None:
    provider = provider_of(make_pool("--stubborn"))
    handle = provider.start("cpu-1")
    wait_until(lambda: (tmp_path / "logs" / "runner-cpu-1.log").read_text() != "")
    provider.stop(handle)
    assert provider.poll(handle) is Status.ALIVE
    provider.stop(handle, force=True)
    wait_until(lambda: provider.poll(handle) is Status.GONE)


def test_a_process_that_got_the_pid_of_a_dead_runner_is_left_alone(make_pool: MakePool) -> None:
    provider = provider_of(make_pool())
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as innocent:
        started = psutil.Process(innocent.pid).create_time()
        handle = {"pid": innocent.pid, "started": started - 100}
        assert provider.poll(handle) is Status.GONE
        provider.stop(handle, force=True)
        assert innocent.poll() is None
        innocent.kill()


def test_a_runner_stays_in_the_workers_process_group(make_pool: MakePool) -> None:
    handle = provider_of(make_pool()).start("cpu-1")
    assert os.getpgid(handle["pid"]) == os.getpgrp()


def test_a_static_pool_starts_nothing(make_pool: MakePool) -> None:
    pool = make_pool()
    pool.provider = Pool.Provider.STATIC
    provider = provider_of(pool)
    assert provider.poll({}) is Status.UNKNOWN
    with pytest.raises(NotImplementedError, match="by hand"):
        provider.start("cpu-1")
