"""Fixtures of the runner's tests: an engine, a packed set, and a real agent in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from axons_runner.process import prepare
from tests.runner.fake_service import FakeService
from tests.runner.synthetic import Pack, make_pack

prepare()  # as a slot's process does

if TYPE_CHECKING:
    from axons_runner.engine import Engine


@pytest.fixture(scope="session")
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runner-cache")


@pytest.fixture(scope="session")
def engine(cache_dir: Path) -> Engine:
    from axons_runner.engine import Engine

    return Engine(cache_dir, threads=2)


@pytest.fixture(scope="session")
def _server() -> Iterator[FakeService]:
    fake = FakeService()
    yield fake
    fake.close()


@pytest.fixture
def service(_server: FakeService) -> FakeService:
    _server.reset()
    return _server


@pytest.fixture(scope="session")
def pack() -> Pack:
    return make_pack(per_class=16, held_out=4)


class Agents:
    """Starts ``axons-runner`` processes. A test that leaves its agent whole leaves it for the next one, still warm."""

    def __init__(self, service: FakeService, folder: Path, cache_dir: Path) -> None:
        self.service, self.folder, self.cache_dir = service, folder, cache_dir
        self.process: subprocess.Popen[bytes] | None = None
        self.slots = ""

    def get(self, slots: str = "training,inference") -> subprocess.Popen[bytes]:
        """Return a running agent with these slots that has claimed since now."""
        if self.process is None or self.process.poll() is not None or self.slots != slots:
            self.kill()
            self.process, self.slots = self._start(slots), slots
        process, wanted = self.process, set(slots.split(","))
        self.service.wait_for(
            lambda: process.poll() is not None or wanted <= {c["runner"]["slots"][0] for c in self.service.claims}, 90
        )
        assert process.poll() is None, self.log.read_text()
        return process

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    @property
    def log(self) -> Path:
        return self.folder / "agent.log"

    def _start(self, slots: str) -> subprocess.Popen[bytes]:
        token = self.folder / "pool-token"
        token.write_text("pool-token\n")
        command = [sys.executable, "-m", "axons_runner", "--service", self.service.url, "--name", "test"]
        command += ["--slots", slots, "--pool-token-file", str(token), "--cache-dir", str(self.cache_dir)]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("AXONS_")}
        with self.log.open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, env=environment)


@pytest.fixture(scope="session")
def _agents(_server: FakeService, cache_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agents]:
    agents = Agents(_server, tmp_path_factory.mktemp("agent"), cache_dir)
    yield agents
    agents.kill()


@pytest.fixture
def agents(_agents: Agents, service: FakeService) -> Iterator[Agents]:
    before = _agents.log.stat().st_size if _agents.log.exists() else 0
    yield _agents
    print(_agents.log.read_bytes()[before:].decode())
    if service.finished == [] or service.waiting or service.superseded:
        _agents.kill()  # it may still be at work
