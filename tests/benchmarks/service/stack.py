"""The real thing, private and on loopback: PostgreSQL (durable), RabbitMQ, SeaweedFS, uvicorn and a Celery worker."""

from __future__ import annotations

import contextlib
import os
import resource
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from scripts.services import postgres, rabbitmq, seaweed
from scripts.services.lifecycle import free_ports

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "deploy" / "demo"))

from axons_demo.keys import load_or_create

OPEN_FILES = 20_000


def open_files_raise() -> None:
    """Every watcher is a file: raise the limit for us and our children, as far as we may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class Stack:
    """Started servers and their environment. `close` ends exactly what was started here."""

    def __init__(self) -> None:
        open_files_raise()
        self.folder = Path(tempfile.mkdtemp(prefix="axons-bench-"))
        self.folder.chmod(0o755)
        self._pids: list[int] = []
        self._processes: list[subprocess.Popen[bytes]] = []
        self.environment: dict[str, str] = {}

    def open(self) -> None:
        """Start the servers and write the environment that an operator would give the service."""
        found: dict[str, str] = {}
        store = seaweed.start(self.folder, self.folder, secrets.token_hex(12))
        self._pids += store.pids
        broker = rabbitmq.start(self.folder, self.folder, secrets.token_hex(12))
        self._pids += broker.pids
        database = postgres.start(self.folder, self.folder, secrets.token_hex(12), is_durable=True)
        self._pids += database.pids
        for server in (store, broker, database):
            found |= server.environment
        keys = load_or_create(self.folder / "keys")
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("AXONS_", "DJANGO_"))},
            "DJANGO_SETTINGS_MODULE": "axons_service.settings.production",
            "AXONS_SECRET_KEY": secrets.token_hex(32),
            "AXONS_PUBLIC_URL": "http://127.0.0.1:8000",
            "AXONS_DATABASE_URL": found["AXONS_TEST_POSTGRES_URL"],
            "AXONS_BROKER_URL": found["AXONS_TEST_RABBITMQ_URL"],
            "AXONS_S3_ENDPOINT": found["AXONS_TEST_S3_ENDPOINT"],
            "AXONS_S3_ACCESS_KEY": found["AXONS_TEST_S3_ACCESS_KEY"],
            "AXONS_S3_SECRET_KEY": found["AXONS_TEST_S3_SECRET_KEY"],
            "AXONS_S3_BUCKET": found["AXONS_TEST_S3_BUCKET"],
            "AXONS_SERVICE_PRIVATE_KEY_FILE": str(keys.service_private),
            "AXONS_DATA_DIR": str(self.folder),
            "AXONS_LOG_LEVEL": "WARNING",
        }

    def web(self) -> tuple[subprocess.Popen[bytes], int]:
        """One uvicorn process, ready, and its port."""
        (port,) = free_ports(1)
        argv = [
            sys.executable, "-m", "uvicorn", "axons_service.asgi:application", "--host", "127.0.0.1",
            "--port", str(port), "--no-access-log", "--lifespan", "off", "--timeout-graceful-shutdown", "1",
            "--backlog", "8192", "--log-level", "warning",
        ]  # fmt: skip
        process = self.run(argv, f"web-{port}.log")
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health/live", timeout=2).close()
                return process, port
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"the service did not start:\n{(self.folder / f'web-{port}.log').read_text()[-3000:]}")
            time.sleep(0.1)

    def worker(self, concurrency: int = 2) -> subprocess.Popen[bytes]:
        """A Celery worker of every queue, ready."""
        argv = [
            sys.executable, "-m", "celery", "-A", "axons_service", "worker", "--concurrency", str(concurrency),
            "--loglevel", "INFO", "--without-gossip", "--without-mingle", "--hostname", f"{secrets.token_hex(4)}@%h",
        ]  # fmt: skip
        name = f"worker-{len(self._processes)}.log"
        process = self.run(argv, name)
        deadline = time.monotonic() + 60
        while " ready." not in (self.folder / name).read_text():
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"the worker did not start:\n{(self.folder / name).read_text()[-3000:]}")
            time.sleep(0.1)
        return process

    def run(self, argv: list[str], log: str) -> subprocess.Popen[bytes]:
        """A process of ours, with the service's environment; its output goes to a log."""
        with (self.folder / log).open("ab") as output:
            process = subprocess.Popen(argv, env=self.environment, stdout=output, stderr=output)
        self._processes.append(process)
        return process

    def end(self, process: subprocess.Popen[bytes]) -> None:
        """End one process that `run` started."""
        process.terminate()
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def close(self) -> None:
        for process in reversed(self._processes):
            if process.poll() is None:
                self.end(process)
        for pid in reversed(self._pids):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGINT if pid == self._pids[-1] else signal.SIGTERM)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and any(_lives(pid) for pid in self._pids):
            time.sleep(0.2)
        for pid in self._pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)


def _lives(pid: int) -> bool:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
