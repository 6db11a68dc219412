"""The whole service, private to one run: servers, web process, Celery, runners, and our proxies between them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from axons_demo import objects, ports
from axons_demo.keys import Keys, load_or_create
from axons_xblock.config import Config
from scripts.services import lifecycle, postgres, rabbitmq
from tests.faults.chaos import clock, clouded, library
from tests.faults.chaos.cloud import Cloud
from tests.faults.chaos.ledger import Ledger
from tests.faults.chaos.proxies import Fault, Proxy, Weather
from tests.faults.chaos.receiver import PATH, Receiver
from tests.faults.chaos.units import Unit, UnitError

ROOT = Path(__file__).resolve().parents[3]
LEASE_SECONDS = 6.0
SITE, KEY_ID = "chaos", "chaos-1"
UNWELL = {Fault.REFUSED: 0.1, Fault.LOST: 0.2, Fault.TWICE: 0.15}  # grades are few: of theirs many go wrong
ALWAYS = {Fault.LOST: 0.004, Fault.DROPPED: 0.004, Fault.TWICE: 0.004, Fault.SLOW: 0.004}


@dataclass
class World:
    """Everything that runs. Units are restarted by `units.keep_alive`; proxies live in this process."""

    folder: Path
    ledger: Ledger
    keys: Keys
    store: objects.Store
    web_port: int
    web: Proxy
    s3: Proxy
    grades: Proxy
    receiver: Receiver
    environment: dict[str, str]
    units: dict[str, Unit] = field(default_factory=dict)
    runners: list[Unit] = field(default_factory=list)
    daemons: list[int] = field(default_factory=list)
    cloud: Cloud | None = None  # where machines come from, if not from here
    cloud_proxy: Proxy | None = None

    @property
    def config(self) -> Config:
        """What a site's XBlock is told, with the proxy as the service's address."""
        return Config(
            service_url=f"http://127.0.0.1:{self.web.port}",
            site=SITE,
            key_id=KEY_ID,
            private_key=self.keys.site_private.read_text(),
            service_public_keys={"": self.keys.service_public.read_text()},
        )

    @property
    def callback(self) -> str:
        return f"http://127.0.0.1:{self.grades.port}{PATH}"

    @property
    def proxies(self) -> list[Proxy]:
        return [self.web, self.s3, self.grades, *([self.cloud_proxy] if self.cloud_proxy is not None else [])]

    def everything(self) -> list[Unit]:
        return [*self.units.values(), *self.runners]

    def surprises(self) -> list[str]:
        """Deaths that no action caused."""
        return [line for unit in self.everything() for line in unit.surprises]

    async def command(self, *argv: str) -> str:
        """Run a Python module with the service's environment; its output. Raises UnitError."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, *argv, cwd=self.folder, env=self.environment,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        output, errors = await process.communicate()
        if process.returncode != 0:
            raise UnitError(f"`{' '.join(argv)[:200]}` failed:\n{errors.decode()[-3000:]}")
        return output.decode()

    async def stop_runners(self) -> list[str]:
        """End the runners as an operator does; names of processes that outlived it."""
        ending = [runner.members() for runner in self.runners]
        for runner in self.runners:
            runner.signal(signal.SIGTERM)
        left = []
        for members in ending:
            _, alive = await asyncio.to_thread(psutil.wait_procs, members, 20)
            left += [f"process {process.pid}" for process in alive]
        return left


@asynccontextmanager
async def running_world(
    ledger: Ledger,
    rng: random.Random,
    *,
    runners: int,
    fencing: bool,
    say: lifecycle.Callable[[str], None],
    cloud: bool = False,
    changes: Mapping[str, str] | None = None,
) -> AsyncIterator[World]:
    """Start everything on fresh data; stop and forget all of it at the end, unless it failed to start.

    With `cloud` the runners come from the emulated OVHcloud, as many as the work needs up to `runners`. `changes` are
    made to the service's environment.
    """
    folder = Path(tempfile.mkdtemp(prefix="axons-chaos-"))
    folder.chmod(0o755)  # PostgreSQL runs as another user when we are root
    world = _prepare(folder, ledger, rng, fencing)
    world.environment |= changes or {}
    if cloud:
        world.cloud, world.cloud_proxy = clouded.cloud_prepare(folder, world.environment, rng)
        world.environment |= clouded.HURRIED
    try:
        for proxy in world.proxies:
            await proxy.start()
        for name in ("store", "postgres", "rabbitmq"):
            await world.units[name].start()
        await asyncio.to_thread(postgres.create_database, world.environment["AXONS_DATABASE_URL"])
        await _set_up(world, runners)
        for name in ("web", "worker", "beat"):
            await world.units[name].start()
        world.runners = [] if cloud else [_runner(world, number) for number in range(1, runners + 1)]
        for runner in world.runners:
            runner.launch()
        say(f"everything runs; logs in {folder}/logs")
        yield world
    finally:
        await _stop(world)
        if os.environ.get("AXONS_CHAOS_KEEP") != "1":
            shutil.rmtree(folder, ignore_errors=True)


def _prepare(folder: Path, ledger: Ledger, rng: random.Random, fencing: bool) -> World:
    logs = folder / "logs"
    logs.mkdir()
    for name in ("service", "runners", "sockets"):
        (folder / name).mkdir()
    keys = load_or_create(folder / "keys")
    bases = random.SystemRandom().sample(range(31000, 35000, 10), 400)
    base = next(b for b in bases if not ports.taken(ports.Ports(b)) and not _answers_elsewhere(b))
    secret = secrets.token_hex(12)
    store = objects.Store(folder / "store", folder / "sockets", base + 3, "chaos", secret)
    web_port, web_proxy, s3_proxy, grades_port = lifecycle.free_ports(4)
    database = postgres.prepare(folder, logs, secret, authentication="md5")  # connecting is half of the work
    broker = rabbitmq.prepare(folder, logs, secret)
    environment = _environment(
        folder, keys, store,
        database=database.variables["AXONS_TEST_POSTGRES_URL"], broker=broker.variables["AXONS_TEST_RABBITMQ_URL"],
        s3=s3_proxy, public=web_proxy, fencing=fencing,
    )  # fmt: skip
    weathers = [Weather(random.Random(rng.random()), dict(rates)) for rates in (ALWAYS, ALWAYS, UNWELL)]
    config = Config(
        service_url=f"http://127.0.0.1:{web_proxy}", site=SITE, key_id=KEY_ID,
        private_key=keys.site_private.read_text(), service_public_keys={"": keys.service_public.read_text()},
    )  # fmt: skip
    receiver = Receiver(config, ledger)
    world = World(
        folder, ledger, keys, store, web_port,
        web=Proxy(web_proxy, web_port, weathers[0], ledger.fence.observe),
        s3=Proxy(s3_proxy, store.port, weathers[1]),
        grades=Proxy(grades_port, receiver.handle, weathers[2]),
        receiver=receiver, environment=environment,
    )  # fmt: skip
    for name, prepared in (("postgres", database), ("rabbitmq", broker)):
        world.units[name] = Unit(
            name, prepared.argv, prepared.environment, Path("/"), prepared.log, prepared.ready, prepared.seconds * 2
        )
    world.daemons = [int(broker.environment["ERL_EPMD_PORT"])]
    weed = objects.program(store)
    world.units["store"] = Unit("store", weed.argv, weed.environment, store.folder, logs / "store.log", weed.ready)
    for name in ("web", "worker", "beat"):
        world.units[name] = _service_unit(world, name)
    return world


def _answers_elsewhere(base: int) -> bool:
    """Whether a SeaweedFS with these ports runs in another network namespace: its sockets in /tmp are named by them."""
    for path in Path("/tmp").glob(f"seaweedfs-*-grpc-{1000 + base // 10}?.sock"):
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(str(path)) == 0:
                return True
    return False


def _environment(
    folder: Path, keys: Keys, store: objects.Store, *, database: str, broker: str, s3: int, public: int, fencing: bool
) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AXONS_", "DJANGO_", "CELERY_", "PYTEST_"))
    }
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "deploy" / "demo")]),
        "PYTHONUNBUFFERED": "1",
        "MALLOC_ARENA_MAX": "2",
        "DJANGO_SETTINGS_MODULE": "tests.faults.chaos.settings",
        "AXONS_CHAOS_FENCING": "on" if fencing else "off",
        "AXONS_DATA_DIR": str(folder / "service"),
        "AXONS_DATABASE_URL": database,
        "AXONS_BROKER_URL": broker,
        "AXONS_S3_ENDPOINT": f"http://127.0.0.1:{s3}",
        "AXONS_S3_ACCESS_KEY": store.access_key,
        "AXONS_S3_SECRET_KEY": store.secret_key,
        "AXONS_S3_BUCKET": store.bucket,
        "AXONS_SECRET_KEY": keys.secrets["service_secret"],
        "AXONS_SERVICE_PRIVATE_KEY_FILE": str(keys.service_private),
        "AXONS_PUBLIC_URL": f"http://127.0.0.1:{public}",
        "AXONS_LEASE_SECONDS": os.environ.get("CHAOS_LEASE_SECONDS", str(LEASE_SECONDS)),
        "AXONS_LOG_LEVEL": "WARNING",
    }


async def _set_up(world: World, runners: int) -> None:
    import json

    pool = ["--provider", "static", "--max-runners", "9"]
    if world.cloud_proxy is not None:
        pool = clouded.pool_flags(world.cloud_proxy, world.folder, world.web.port, runners)
    sets = [library.write_set(world.folder / "library", role) for role in ("starter", "hidden")]
    commands = [
        ["migrate", "--verbosity", "0"],
        [
            "site_register", "--slug", SITE, "--name", "Chaos", "--key-id", KEY_ID, "--public-key-file",
            str(world.keys.site_public), "--callback-host", f"127.0.0.1:{world.grades.port}",
        ],
        [
            "pool_register", "--name", library.POOL, "--title", "Chaos", *pool,
            "--token-file", str(world.folder / "keys" / "pool_token"),
        ],
        ["storage_prepare"],
        *(["library_import", "--site", SITE, "--path", str(path)] for path in sets),
    ]  # fmt: skip
    await world.command("-m", "axons_demo.commands", json.dumps(commands))


def _service_unit(world: World, name: str) -> Unit:
    """The web process, the Celery worker or beat: the commands of a deployment."""
    celery = [sys.executable, "-m", "celery", "-A", "axons_service"]
    log = world.folder / "logs" / f"{name}.log"
    argv = {
        "web": [
            sys.executable, "-m", "uvicorn", "axons_service.asgi:application", "--host", "127.0.0.1", "--port",
            str(world.web_port), "--no-access-log", "--lifespan", "off", "--log-level", "warning",
        ],
        "worker": [
            *celery, "worker", "--queues", "control,prepare,deliver", "--concurrency", "2", "--loglevel", "WARNING",
            "--without-gossip", "--without-mingle", "--hostname", "chaos@%h",
        ],
        "beat": [
            *celery, "beat", "--loglevel", "WARNING", "--pidfile", "",
            "--schedule", str(world.folder / "beat-schedule"),
        ],
    }[name]  # fmt: skip
    unit = Unit(name, argv, world.environment, world.folder / "service", log)
    if name == "web":
        unit.ready = lambda: objects.answers(f"http://127.0.0.1:{world.web_port}/health/live")
    return unit


def _runner(world: World, number: int) -> Unit:
    """A runner process. Every second one has a clock that can be moved (libfaketime)."""
    name = f"runner-{number}"
    cache = world.folder / "runners" / name
    argv = [
        sys.executable, "-m", "tests.faults.chaos.runner", "--name", name,
        "--service", f"http://127.0.0.1:{world.web.port}",
        "--pool-token-file", str(world.folder / "keys" / "pool_token"),
        "--cache-dir", str(cache),
    ]  # fmt: skip
    kept = {key: value for key, value in world.environment.items() if not key.startswith(("AXONS_", "DJANGO_"))}
    unit = Unit(
        name,
        argv,
        {**kept, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        world.folder,
        world.folder / "logs" / f"{name}.log",
    )
    if number % 2 == 0:
        unit.clock = world.folder / "runners" / f"{name}.clock"
        unit.clock.write_text("+0\n")
        unit.environment |= clock.environment(unit.clock)
    return unit


async def _stop(world: World) -> None:
    for proxy in world.proxies:
        await proxy.stop()
    if world.cloud is not None:
        await asyncio.to_thread(world.cloud.close)
    for unit in reversed(world.everything()):
        if unit.process is not None:
            with contextlib.suppress(psutil.Error, subprocess.TimeoutExpired):
                await unit.end(signal.SIGINT if unit.name == "postgres" else signal.SIGKILL)
    for port in world.daemons:
        for pid in rabbitmq.listeners(port):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
