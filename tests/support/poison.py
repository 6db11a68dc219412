"""Tasks that only tests' workers know (`celery worker -I tests.support.poison`)."""

import os
import signal
from pathlib import Path

from celery import shared_task

TASK = "tests.support.poison.swallow"


@shared_task(name=TASK, queue="prepare")  # type: ignore[untyped-decorator]
def swallow(folder: str) -> None:
    """Cost the worker process its life, unless the folder has an antidote."""
    with (Path(folder) / "runs").open("a") as runs:
        runs.write("x")
    if not (Path(folder) / "antidote").exists():
        os.kill(os.getpid(), signal.SIGKILL)
