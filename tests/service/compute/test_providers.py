"""What is particular to runners as processes of this machine; the port's promises are in tests/conformance."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil

from axons_service.compute.models import Pool
from axons_service.compute.providers import provider_of
from axons_service.compute.providers.base import Status
from tests.service.compute.conftest import wait_until

MakePool = Callable[..., Pool]


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
