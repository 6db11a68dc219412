"""`make contract`: Schemathesis against the running service, with a real database, a real store and real signatures.

Prints what it did; ends with 1 when an answer was no promise of the document, or a fault of ours.
"""

import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from axons_demo import objects, ports, processes
from tests.support import servers

ROOT = Path(__file__).resolve().parents[2]
SEED = os.environ.get("CONTRACT_SEED", "20261127")


@contextmanager
def store(folder: Path, port: int) -> Iterator[objects.Store]:
    """A SeaweedFS of this run."""
    with tempfile.TemporaryDirectory(prefix="axons-s3-") as sockets:
        made = objects.Store(
            folder=folder / "s3",
            sockets=Path(sockets),
            port=port,
            access_key="contract",
            secret_key=secrets.token_hex(16),
        )
        with running(objects.program(made), folder / "weed.log"):
            yield made


@contextmanager
def running(program: processes.Program, log: Path) -> Iterator[None]:
    """A program that is ready, and that is ended afterwards."""
    started = processes.Running(program, log, processes.launch(program, log))
    try:
        processes.wait_ready(started)
        yield
    finally:
        started.process.terminate()
        try:
            started.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            started.process.kill()
            started.process.wait(timeout=10)


@contextmanager
def database(folder: Path) -> Iterator[str]:
    """The URL of an empty database: on the PostgreSQL of `make services` when it answers, else an SQLite file."""
    url = servers.postgres_url()
    if url is None:
        if os.environ.get("AXONS_REQUIRE_SERVICES") == "1":
            raise SystemExit("contract: no PostgreSQL answers (AXONS_REQUIRE_SERVICES=1). Run make services.")
        yield f"sqlite:///{folder / 'contract.sqlite3'}"
        return
    name = f"axons_contract_{secrets.token_hex(4)}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        try:
            yield urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def world_make(folder: Path) -> Path:
    """Migrate and seed; the file with what the hooks sign with."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connections

    from axons_service.compute.enrolment import enrolment_token
    from axons_service.exercises.models import Project
    from axons_service.operations import example_values as v
    from axons_service.sites.callers import Caller, Role
    from axons_service.sites.tokens import read_token_mint
    from tests.contract import seed

    call_command("migrate", verbosity=0)
    call_command("storage_prepare")
    key = Ed25519PrivateKey.generate()
    seed.seed(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())
    project = Project.objects.select_related("exercise__site").get(pk=v.PROJECT)
    caller = Caller(project.exercise.site, v.LEARNER, Role.LEARNER, v.COURSE, v.USAGE)
    world = {
        "site": seed.SITE,
        "kid": seed.KID,
        "private_key": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        "pool_token": seed.POOL_TOKEN,
        "enrolment_token": enrolment_token(pool="cpu", runner=seed.ENROLLING),
        "attempt_token": seed.ATTEMPT_TOKEN,
        "read_token": read_token_mint(caller, project.pk).token,
    }
    connections.close_all()
    path = folder / "world.json"
    path.write_text(json.dumps(world))
    return path


def schemathesis(url: str, environment: dict[str, str], folder: Path) -> int:
    """Run it in a folder of its own, where no cache of another run lies; 0 when it found nothing."""
    command = [
        str(Path(sys.executable).parent / "schemathesis"),
        f"--config-file={ROOT / 'tests/contract/schemathesis.toml'}",
        "run",
        f"{url}/api/v1/schema",
        "--exclude-checks=positive_data_acceptance",
        "--exclude-operation-id=project_stream",  # an answer without an end
        f"--seed={SEED}",
        "--continue-on-failure",
        "--no-color",
        *sys.argv[1:],
    ]
    return subprocess.run(command, cwd=folder, env=environment, check=False).returncode


def main() -> int:
    started = time.monotonic()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="axons-contract-")))
        base = next(each for each in range(23000, 27000, 10) if not ports.taken(ports.Ports(each)))
        port, url = base + 9, f"http://127.0.0.1:{base + 9}"
        objects_at = stack.enter_context(store(folder, base + 3))
        os.environ |= {
            "AXONS_TEST_SCRATCH": str(folder),
            "AXONS_DATABASE_URL": stack.enter_context(database(folder)),
            "AXONS_S3_ENDPOINT": objects_at.url,
            "AXONS_S3_ACCESS_KEY": objects_at.access_key,
            "AXONS_S3_SECRET_KEY": objects_at.secret_key,
            "AXONS_S3_BUCKET": objects_at.bucket,
            "AXONS_PUBLIC_URL": url,
            "AXONS_RATE_LEARNER_READ": "1000000/60",
            "AXONS_RATE_LEARNER_WRITE": "1000000/60",
            "AXONS_LOG_LEVEL": "ERROR",
            "DJANGO_SETTINGS_MODULE": "tests.contract.settings",
            "PYTHONPATH": f"{ROOT}:{ROOT / 'deploy/demo'}",
        }
        os.environ["AXONS_CONTRACT_WORLD"] = str(world_make(folder))
        log = folder / "service.log"
        uvicorn = ["-m", "uvicorn", "axons_service.asgi:application", f"--port={port}", "--no-access-log"]
        program = processes.Program(
            name="service",
            argv=[sys.executable, *uvicorn, "--lifespan=off"],
            environment=dict(os.environ),
            ready=lambda: objects.answers(f"{url}/health/live"),
            directory=ROOT,
        )
        stack.enter_context(running(program, log))
        requests.get(f"{url}/api/v1/schema", timeout=30).raise_for_status()  # made once, not in a test's time
        found = schemathesis(url, {**os.environ, "SCHEMATHESIS_HOOKS": "tests.contract.hooks"}, folder)
        faults = [line for line in log.read_text().splitlines() if "Internal Server Error" in line]
        if faults:
            print(log.read_text()[-8000:])
    engine = os.environ["AXONS_DATABASE_URL"].partition(":")[0]
    seconds = time.monotonic() - started
    print(f"contract: {engine}, seed {SEED}, {len(faults)} faults of ours, {seconds:.0f} s")
    return 1 if found or faults else 0


if __name__ == "__main__":
    sys.exit(main())
