"""The demo's own programs: service, Celery worker and beat, and the LMS. What they share is their environment."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from axons_demo import broker, objects
from axons_demo.home import REPOSITORY, Home
from axons_demo.keys import Keys
from axons_demo.ports import Ports
from axons_demo.processes import MARK, Program

BIN = Path(sys.executable).parent
SERVICE_SETTINGS = "axons_service.settings.embedded"


@dataclass(frozen=True)
class Plan:
    """Everything that says where a demo's parts are."""

    home: Home
    ports: Ports
    keys: Keys

    @property
    def lms_url(self) -> str:
        return f"http://127.0.0.1:{self.ports.lms}"

    @property
    def service_url(self) -> str:
        return f"http://127.0.0.1:{self.ports.service}"

    @property
    def origins(self) -> list[str]:
        """What a browser may call the LMS."""
        return [self.lms_url, f"http://localhost:{self.ports.lms}"]

    @property
    def store(self) -> objects.Store:
        return objects.Store(
            folder=self.home.objects,
            sockets=self.home.sockets,
            port=self.ports.s3,
            access_key=self.keys.secrets["s3_access_key"],
            secret_key=self.keys.secrets["s3_secret_key"],
        )

    @property
    def broker(self) -> broker.Broker:
        return broker.Broker(self.home.broker, self.ports.broker, self.keys.secrets["broker_password"])

    def base_environment(self) -> dict[str, str]:
        """The caller's environment, without its Axons and Python settings, and with this demo's mark."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AXONS_", "DJANGO_", "CELERY_", "PYTHON"))
        }
        return {
            **kept,
            MARK: str(self.home.root),
            "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}",
            "PYTHONUNBUFFERED": "1",
            "PYTHONWARNINGS": "ignore::UserWarning",
            # Threads that allocate much otherwise keep an arena each.
            "MALLOC_ARENA_MAX": "2",
        }

    def service_environment(self) -> dict[str, str]:
        return {
            **self.base_environment(),
            "DJANGO_SETTINGS_MODULE": SERVICE_SETTINGS,
            "AXONS_DATA_DIR": str(self.home.service),
            "AXONS_DATABASE_URL": f"sqlite:///{self.home.service / 'service.sqlite3'}",
            "AXONS_BROKER_URL": self.broker.url,
            "AXONS_S3_ENDPOINT": self.store.url,
            "AXONS_S3_ACCESS_KEY": self.store.access_key,
            "AXONS_S3_SECRET_KEY": self.store.secret_key,
            "AXONS_S3_BUCKET": self.store.bucket,
            "AXONS_SECRET_KEY": self.keys.secrets["service_secret"],
            "AXONS_SERVICE_PRIVATE_KEY_FILE": str(self.keys.service_private),
            "AXONS_PUBLIC_URL": self.service_url,
            "AXONS_ALLOWED_ORIGINS": ",".join(self.origins),
        }

    def lms_environment(self) -> dict[str, str]:
        return {
            **self.base_environment(),
            "PYTHONPATH": str(REPOSITORY / "deploy" / "demo"),
            "DJANGO_SETTINGS_MODULE": "axons_demo.lms.settings",
            "AXONS_DEMO_LMS_PORT": str(self.ports.lms),
            "AXONS_DEMO_SERVICE_URL": self.service_url,
        }


def service(plan: Plan) -> Program:
    return Program(
        name="service",
        argv=[
            sys.executable, "-m", "uvicorn", "axons_service.asgi:application", "--host", "127.0.0.1",
            "--port", str(plan.ports.service), "--no-access-log", "--lifespan", "off",
            "--timeout-graceful-shutdown", "3",
        ],
        environment=plan.service_environment(),
        ready=lambda: objects.answers(f"{plan.service_url}/health/live"),
        directory=plan.home.service,
    )  # fmt: skip


def worker(plan: Plan) -> Program:
    """Celery's worker. Its first line of readiness is a file: `inspect ping` costs a second process."""
    argv = [
        sys.executable, "-m", "celery", "-A", "axons_service", "worker", "--queues", "control,prepare,deliver",
        "--concurrency", "3", "--loglevel", "INFO", "--without-gossip", "--without-mingle", "--hostname", "demo@%h",
    ]  # fmt: skip
    log = plan.home.logs / "worker.log"
    before = log.stat().st_size if log.exists() else 0
    return Program(
        name="worker",
        argv=argv,
        environment=plan.service_environment(),
        ready=lambda: _said(log, before, " ready."),
        directory=plan.home.service,
    )


def beat(plan: Plan) -> Program:
    log = plan.home.logs / "beat.log"
    before = log.stat().st_size if log.exists() else 0
    return Program(
        name="beat",
        argv=[
            sys.executable, "-m", "celery", "-A", "axons_service", "beat", "--loglevel", "INFO",
            "--schedule", str(plan.home.service / "beat-schedule"), "--pidfile", "",
        ],
        environment=plan.service_environment(),
        ready=lambda: _said(log, before, "beat: Starting"),
        directory=plan.home.service,
    )  # fmt: skip


def lms(plan: Plan) -> Program:
    """The demo LMS in Django's threaded server: several requests at once, as with the platform's workers."""
    return Program(
        name="lms",
        argv=[
            sys.executable, "-m", "django", "runserver", "--noreload", "--insecure", f"127.0.0.1:{plan.ports.lms}",
        ],
        environment=plan.lms_environment(),
        ready=lambda: objects.answers(f"{plan.lms_url}/ready"),
        directory=plan.home.lms,
    )  # fmt: skip


def _said(log: Path, offset: int, words: str) -> bool:
    if not log.exists():
        return False
    with log.open("rb") as handle:
        handle.seek(offset)
        return words.encode() in handle.read()
