"""A local pool whose runner is a tiny real script."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from axons_service.compute.models import Pool
from axons_service.compute.services import local_runners_stop, pool_register

SCRIPT = """
import signal, sys, time
if "--stubborn" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if "--crash" in sys.argv:
    sys.exit("no torch here")
print("runner", *sys.argv[1:], flush=True)
time.sleep(120)
"""


@pytest.fixture
def make_pool(db: None, settings: Any, tmp_path: Path) -> Iterator[Callable[..., Pool]]:
    settings.AXONS_DATA_DIR = str(tmp_path)
    script = tmp_path / "runner.py"
    script.write_text(SCRIPT)

    def make(*flags: str, name: str = "cpu", least: int = 0, most: int = 2) -> Pool:
        return pool_register(
            name=name,
            title="Processors",
            provider="local",
            token="t" * 32,
            min_runners=least,
            max_runners=most,
            options={
                "pool_token_file": str(tmp_path / f"{name}.token"),
                "program": [sys.executable, str(script), *flags],
            },
        )

    yield make
    local_runners_stop(seconds=1)


def wait_until(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def processes(folder: Path) -> list[psutil.Process]:
    """Living processes that were started with something of this folder."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        arguments = process.info["cmdline"] or []
        is_ours = process.pid != os.getpid() and any(str(folder) in argument for argument in arguments)
        if is_ours and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found
