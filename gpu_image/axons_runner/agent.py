"""The runner's parent process: starts the slots, and on SIGTERM lets each release its job within ten seconds."""

from __future__ import annotations

import logging
import signal
import time

from axons_runner.doctor import ALIVE_SECONDS, alive_file
from axons_runner.enrolment import enrol
from axons_runner.settings import Options
from axons_runner.shutdown import Shutdown
from axons_runner.slots import Slot

log = logging.getLogger(__name__)


class Agent:
    """Runs slots until told to stop. Imports no torch: a crash in a job is a crash of a child."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.shutdown = Shutdown()
        self.alive = alive_file(options)
        self.slots = [Slot(name, options, self.shutdown) for name in options.slots]

    def run(self) -> int:
        """Block until SIGTERM or SIGINT; returns the exit code."""
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, lambda *_: self.shutdown.begin())
        if self.options.enrolment_token and not enrol(self.options, self.shutdown):
            return 0 if self.shutdown.begun() else 1
        for slot in self.slots:
            slot.start()
        self.alive.touch()
        while not self.shutdown.wait(ALIVE_SECONDS / 5):
            if all(slot.is_alive() for slot in self.slots):
                self.alive.touch()  # what the container's HEALTHCHECK looks at
        self.alive.unlink(missing_ok=True)
        log.info("Stopping: jobs under way are released.")
        while any(slot.busy.is_set() for slot in self.slots) and not self.shutdown.over():
            time.sleep(0.05)
        for slot in self.slots:
            if slot.child is not None:
                slot.child.process.kill()
        log.info("Stopped.")
        return 0
