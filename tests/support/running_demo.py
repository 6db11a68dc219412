"""A whole demo on fresh data, for tests that want every part to be the real one."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

if TYPE_CHECKING:
    from axons_demo.programs import Plan
    from axons_demo.supervisor import Supervisor


class RunningDemo:
    """The demo as the tests see it: its address, and its service to stop and start."""

    def __init__(self, supervisor: "Supervisor", plan: "Plan") -> None:
        self.supervisor = supervisor
        self.plan = plan
        self.url: str = plan.lms_url

    def stop_service(self) -> None:
        process = self.supervisor.running["service"].process
        process.kill()
        process.wait()

    def start_service(self) -> None:
        from axons_demo import programs

        self.supervisor.start(programs.service(self.plan))


@contextmanager
def running_demo(**settings: str) -> Iterator[RunningDemo]:
    """A demo on fresh data, started as `make demo` starts it and stopped at the end; more settings for its service."""
    from axons_demo.home import Home
    from axons_demo.programs import Plan
    from axons_demo.start import bring_up
    from axons_demo.supervisor import Supervisor

    os.environ.pop("AXONS_PORT", None)
    usual = Plan.service_environment
    with (
        patch.object(Plan, "service_environment", lambda plan: {**usual(plan), **settings}),
        tempfile.TemporaryDirectory(prefix="axons-test-", ignore_cleanup_errors=True) as folder,
    ):
        supervisor = Supervisor(Home(Path(folder)), print)
        supervisor.take()
        try:
            yield RunningDemo(supervisor, bring_up(supervisor, print))
        finally:
            supervisor.stop()
