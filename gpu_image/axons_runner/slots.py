"""A slot: one thread, one warm child process, one job at a time."""

from __future__ import annotations

import logging
import multiprocessing
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import axons_runner
from axons_runner import worker
from axons_runner.attempt import Attempt, Ending
from axons_runner.client import ServiceClient
from axons_runner.errors import OUR_FAULT, OUT_OF_MEMORY_EXIT, Rejected, StopReason, Superseded, Unavailable, no_memory
from axons_runner.monitor import Monitor, oom_kills
from axons_runner.settings import Options
from axons_runner.shutdown import Shutdown

log = logging.getLogger(__name__)
SPAWN = multiprocessing.get_context("spawn")
CLAIM_WAIT_SECONDS = 20
LONGEST_PAUSE_SECONDS = 15.0
START_SECONDS = 180.0
STOP_SECONDS = 2.0  # how long a child may take to stop by itself: a cancel ends the compute within 5 s
RELEASE_SECONDS = 4.0  # it writes a checkpoint meanwhile
RESOURCES_SECONDS = 2.0


class ChildDied(Exception):
    """The child process ended without a last word; ``out_of_memory`` when the kernel killed for memory meanwhile."""

    def __init__(self, exit_code: int | None, *, out_of_memory: bool) -> None:
        super().__init__(f"the child process ended with exit code {exit_code}")
        self.out_of_memory = out_of_memory


class Child:
    """The warm process of a slot."""

    def __init__(self, slot: str, options: Options) -> None:
        self.pipe, theirs = SPAWN.Pipe()
        self.oom_before = oom_kills()
        arguments = (
            theirs, slot, str(options.cache_dir), options.threads, options.embedding_cache_bytes,
            options.training_processes, options.weights_list,
        )  # fmt: skip
        self.process = SPAWN.Process(target=worker.main, args=arguments, name=f"axons-{slot}", daemon=True)
        self.process.start()
        theirs.close()  # the child holds the only other end: its death ends the pipe

    def wait_ready(self) -> dict[str, Any]:
        """Return what the child says of itself once warm. Raises ChildDied."""
        for message in self.messages(START_SECONDS):
            if message is not None and message[0] == "ready":
                return dict(message[1])
        raise ChildDied(None, out_of_memory=False)

    def messages(self, seconds: float = float("inf"), tick: float = 0.1) -> Iterator[tuple[Any, ...] | None]:
        """Yield messages as they come, and None after each quiet tick; end after ``seconds``. Raises ChildDied."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            yield receive(self.pipe, tick, self)

    def died(self) -> ChildDied:
        """Return why the child is gone."""
        self.process.join(2)
        killed = self.process.exitcode == -signal.SIGKILL
        starved = killed and oom_kills() > self.oom_before
        return ChildDied(self.process.exitcode, out_of_memory=starved or self.process.exitcode == OUT_OF_MEMORY_EXIT)

    def kill(self) -> None:
        """End the child at once and wait for it."""
        self.process.kill()
        self.process.join()
        self.pipe.close()


def receive(pipe: Connection, seconds: float, child: Child) -> tuple[Any, ...] | None:
    """Return the next message within ``seconds``, or None. Raises ChildDied."""
    try:
        return tuple(pipe.recv()) if pipe.poll(seconds) else None
    except (EOFError, OSError) as error:
        raise child.died() from error


class Slot(threading.Thread):
    """Claims jobs of its kind and runs them until the shutdown begins."""

    def __init__(self, name: str, options: Options, shutdown: Shutdown) -> None:
        super().__init__(name=f"slot-{name}", daemon=True)
        self.slot = name
        self.options = options
        self.shutdown = shutdown
        self.busy = threading.Event()
        self.child: Child | None = None
        self.info: dict[str, Any] = {}

    def run(self) -> None:
        client = ServiceClient(self.options.service, self.options.pool_token)
        pause = 0.5
        while not self.shutdown.begun():
            try:
                self._warm_child()
                assignment = client.claim(self._description(), CLAIM_WAIT_SECONDS)
                pause = 0.5
            except (Unavailable, Rejected, ChildDied) as problem:
                log.warning("%s: %s; next try in %.1f s", self.slot, problem, pause)
                self.shutdown.wait(pause)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
                continue
            if assignment is not None:
                self.busy.set()
                try:
                    self._work(client, assignment)
                except Exception:
                    log.exception("%s: job %s ended by a fault of ours", self.slot, assignment.get("job"))
                    self._drop_child()
                finally:
                    self.busy.clear()

    def _warm_child(self) -> Child:
        if self.child is None or not self.child.process.is_alive():
            self._drop_child()
            self.child = Child(self.slot, self.options)
            began = time.monotonic()
            try:
                self.info = self.child.wait_ready()
            except ChildDied:
                self._drop_child()
                raise
            for sentence in self.info["refused"]:
                log.warning("%s: %s", self.slot, sentence)
            log.info("%s: warm on %s after %.1f s", self.slot, self.info["device"], time.monotonic() - began)
        return self.child

    def _drop_child(self) -> None:
        if self.child is not None:
            self.child.kill()
            self.child = None

    def _description(self) -> dict[str, Any]:
        return {
            "name": self.options.name,
            "version": axons_runner.__version__,
            "device": self.info["device"],
            "slots": [self.slot],
            "architectures": self.info["architectures"],
            "batches": True,
        }

    def _work(self, client: ServiceClient, assignment: dict[str, Any]) -> None:
        """Run one assignment to its end: finished, released, or dropped because another attempt has it."""
        log.info("%s: job %s, attempt %s: %s", self.slot, assignment["job"], assignment["attempt"], assignment["kind"])
        work_dir = Path(tempfile.mkdtemp(prefix="job-", dir=self.options.work_dir()))
        attempt = Attempt(client.attempt(assignment), assignment, self.shutdown)
        try:
            ending = self._run_child(assignment, attempt, work_dir)
            attempt.finish(ending)
            log.info("%s: job %s: %s", self.slot, assignment["job"], ending.outcome)
        except Superseded as reason:
            log.warning("%s: job %s dropped: %s", self.slot, assignment["job"], reason)
        except Unavailable as reason:
            log.warning("%s: job %s left to its lease: %s", self.slot, assignment["job"], reason)
        finally:
            attempt.close()
            shutil.rmtree(work_dir, ignore_errors=True)

    def _run_child(self, assignment: dict[str, Any], attempt: Attempt, work_dir: Path) -> Ending:
        """Run the job in the child and return how it ended. Raises Superseded."""
        if self.shutdown.begun():  # the claim was under way when SIGTERM came: the next runner begins it at once
            return Ending("released")
        try:
            child = self._warm_child()
            child.pipe.send(("run", assignment, str(work_dir)))
            return self._follow(child, assignment, attempt)
        except Superseded:
            self._drop_child()  # at once: nothing this child still computes may count
            raise
        except (ChildDied, OSError) as death:
            log.error("%s: job %s: %s", self.slot, assignment["job"], death)
            self._drop_child()
            if isinstance(death, ChildDied) and death.out_of_memory:
                return Ending.failed("out_of_memory", no_memory(assignment))
            return Ending.failed("infrastructure", OUR_FAULT)

    def _follow(self, child: Child, assignment: dict[str, Any], attempt: Attempt) -> Ending:
        """Pass on what the child says until its last word; stop it when asked to. Raises ChildDied, Superseded."""
        monitor, sampled = Monitor(child.process.pid or 0), time.monotonic()
        deadline = time.monotonic() + float(assignment["time_limit_seconds"])
        asked: StopReason | None = None
        give_up = float("inf")
        for message in child.messages():
            now = time.monotonic()
            if attempt.superseded.is_set():
                raise Superseded("another attempt has the job")
            if message is not None and (ending := attempt.handle(message)) is not None:
                return ending
            if asked is None and (asked := self._stop_reason(attempt, now > deadline)) is not None:
                child.pipe.send(("stop", asked))
                give_up = now + (RELEASE_SECONDS if asked == "release" else STOP_SECONDS)
            if asked is not None and now > give_up:
                self._drop_child()
                return attempt.stopped(asked)
            if now - sampled >= RESOURCES_SECONDS and (usage := monitor.sample()):
                attempt.stream.add("resources", usage)
                sampled = now
        raise child.died()

    def _stop_reason(self, attempt: Attempt, too_late: bool) -> StopReason | None:
        if attempt.cancelled.is_set():
            return "cancel"
        if self.shutdown.begun():
            return "release"
        return "time_limit" if too_late else None
