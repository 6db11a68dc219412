"""What the path of one job costs: `python -m tests.benchmarks.service.costs [FOLDER …]`.

In statements and processor time, on the PostgreSQL and RabbitMQ of `make services`. Each FOLDER is a checkout whose
service is measured (none: this one), the first is the one that the others are compared with; rounds alternate between
them, so that whatever else runs on the machine troubles all alike. Processor time, not the clock: of this process for
the service, of the server's processes for PostgreSQL. Requests go through the ASGI application, without a socket.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[3]
ROUNDS = 4
JOBS = 20
STEPS = ("submission", "dispatch", "claim", "heartbeat", "finish", "claim of nothing", "/health/live")


def main(folders: list[str]) -> int:
    """Measure the service of each folder in turn and print the table."""
    if "AXONS_TEST_POSTGRES_URL" not in os.environ:
        raise SystemExit("run make services first, and hand over what is in .services/env")
    trees = [Path(folder).resolve() for folder in folders] or [ROOT]
    measured = [_Tree(tree) for tree in trees]
    for number in range(ROUNDS + 1):
        for tree in measured:
            tree.round(keep=number > 0)  # the first warms up
    for tree in measured:
        tree.close()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; {ROUNDS} rounds of {JOBS} jobs each, best round")
    print(
        f"{'step':18}"
        + "".join(f"{'statements':>12}{'service ms':>12}{'database ms':>13}" for _ in measured)
        + "  ratios"
    )
    for step in STEPS:
        first = measured[0].best(step)
        line = f"{step:18}"
        for tree in measured:
            statements, service, database = tree.best(step)
            line += f"{statements:>12.1f}{service:>12.2f}{database:>13.2f}"
        for tree in measured[1:]:
            pairs = [mine / his for mine, his in zip(tree.totals(step), measured[0].totals(step), strict=True) if his]
            line += f"  {statistics.median(pairs):.2f} ({tree.best(step)[0] / (first[0] or 1):.2f})"
        print(line)
    return 0


class _Tree:
    """The process that measures one checkout."""

    def __init__(self, folder: Path) -> None:
        paths = os.pathsep.join([str(folder / "axons_service"), str(ROOT / "deploy" / "demo")])
        environment = {**os.environ, "PYTHONPATH": paths}
        argv = [sys.executable, "-m", "tests.benchmarks.service.costs", "--one"]
        self._process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, cwd=ROOT, text=True
        )
        self._rounds: list[dict[str, list[float]]] = []

    def round(self, *, keep: bool) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("round\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("the process that measures has ended")
        if keep:
            self._rounds.append(json.loads(line))

    def best(self, step: str) -> tuple[float, float, float]:
        """Statements of one call, and its milliseconds in the service and in the database in the best round."""
        best = min((found[step] for found in self._rounds), key=lambda each: each[1] + each[2])
        return best[0], best[1], best[2]

    def totals(self, step: str) -> list[float]:
        """Milliseconds of one call in each round, service and database together."""
        return [found[step][1] + found[step][2] for found in self._rounds]

    def close(self) -> None:
        self._process.communicate("end\n", timeout=60)


def one() -> None:
    """Measure the service on the path, a round for each line of the input."""
    import psycopg

    url = os.environ["AXONS_TEST_POSTGRES_URL"]
    name = f"costs_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(url, autocommit=True) as admin, tempfile.TemporaryDirectory() as folder:
        admin.execute(f'CREATE DATABASE "{name}"')
        try:
            _settings(urlsplit(url)._replace(path=f"/{name}").geturl(), Path(folder))
            bench = _Bench(_postmaster(admin))
            for line in sys.stdin:
                if line.strip() != "round":
                    break
                print(json.dumps(asyncio.run(bench.round())), flush=True)
        finally:
            _leave()
            admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def _settings(database: str, folder: Path) -> None:
    from axons_demo.keys import load_or_create

    keys = load_or_create(folder / "keys")
    os.environ.update(
        DJANGO_SETTINGS_MODULE="axons_service.settings.production",
        AXONS_SECRET_KEY=secrets.token_hex(32),
        AXONS_PUBLIC_URL="http://127.0.0.1:8000",
        AXONS_DATABASE_URL=database,
        AXONS_BROKER_URL=os.environ["AXONS_TEST_RABBITMQ_URL"],
        AXONS_S3_ENDPOINT=os.environ["AXONS_TEST_S3_ENDPOINT"],
        AXONS_S3_ACCESS_KEY=os.environ["AXONS_TEST_S3_ACCESS_KEY"],
        AXONS_S3_SECRET_KEY=os.environ["AXONS_TEST_S3_SECRET_KEY"],
        AXONS_SERVICE_PRIVATE_KEY_FILE=str(keys.service_private),
        AXONS_DATA_DIR=str(folder),
        AXONS_LOG_LEVEL="ERROR",
    )
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def _leave() -> None:
    from django.db import connection

    connection.close()
    close_pool = getattr(connection, "close_pool", None)
    if close_pool is not None:
        close_pool()


def _postmaster(admin: Any) -> int:
    """The process id of the server: its processor time includes that of the connections that ended."""
    (pid,) = admin.execute("SELECT pg_backend_pid()").fetchone()
    return int(_stat(pid)[1])


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _processor_seconds(postmaster: int) -> float:
    """User and system time of a server and all its processes, dead ones included."""
    fields = [_stat(postmaster)[11:15]]
    for each in Path("/proc").iterdir():
        if each.name.isdigit():
            try:
                found = _stat(int(each.name))
            except OSError:
                continue
            if found[1] == str(postmaster):
                fields.append(found[11:13])
    return sum(int(value) for each in fields for value in each) / os.sysconf("SC_CLK_TCK")


class _Bench:
    """The steps of one job after the other, each for JOBS jobs."""

    def __init__(self, postmaster: int) -> None:
        from django.core.asgi import get_asgi_application

        from tests.benchmarks.service.world import world_create

        self._postmaster = postmaster
        self._world = world_create(JOBS)
        self._app = get_asgi_application()
        self._statements = 0
        self._count()

    def _count(self) -> None:
        """Count what is sent to the server: statements, and BEGIN, COMMIT and their like."""
        import psycopg

        bench = self
        plain_execute, plain_command = psycopg.Cursor.execute, psycopg.Connection._exec_command

        def execute(cursor: Any, *args: Any, **named: Any) -> Any:
            bench._statements += 1
            return plain_execute(cursor, *args, **named)

        def command(connection: Any, *args: Any, **named: Any) -> Any:
            bench._statements += 1
            return plain_command(connection, *args, **named)

        psycopg.Cursor.execute = execute  # type: ignore[method-assign]
        psycopg.Connection._exec_command = command  # type: ignore[method-assign]

    async def round(self) -> dict[str, list[float]]:
        from asgiref.sync import sync_to_async

        from axons_service.jobs.services import job_dispatch
        from tests.benchmarks.service.loads import HYPERPARAMETERS
        from tests.benchmarks.service.world import POOL_TOKEN, jobs_forget

        world, found = self._world, {}
        await sync_to_async(jobs_forget)()
        bodies = [
            {"kind": "training", "training_set": str(each), "hyperparameters": HYPERPARAMETERS} for each in world.sets
        ]
        tokens = [world.token(number) for number in range(JOBS)]
        about = {"name": "warm", "version": "bench", "device": "none", "slots": ["training"]}
        jobs: list[str] = []
        held: list[dict[str, Any]] = []

        async def submit(number: int) -> None:
            answer = await self._call(
                "/api/v1/jobs", tokens[number], bodies[number], 201, {"Idempotency-Key": uuid.uuid4().hex}
            )
            jobs.append(answer["id"])

        async def dispatch(number: int) -> None:
            assert await sync_to_async(job_dispatch)(job_id=uuid.UUID(jobs[number]))

        async def claim(number: int) -> None:
            held.append(await self._call("/runner/v1/claim", POOL_TOKEN, {"runner": about, "wait": 0}, 200))

        async def heartbeat(number: int) -> None:
            metrics = {"step": 1, "epoch": 1.0, "split": "train", "loss": 0.5, "accuracy": 0.8, "learning_rate": 0.003}
            body = {"attempt": 1, "seq": 1, "events": [{"kind": "metrics", "data": metrics}], "log": "step 1\n"}
            await self._call(f"/runner/v1/jobs/{held[number]['job']}/events", held[number]["token"], body, 200)

        async def finish(number: int) -> None:
            failure = {"class": "invalid_input", "message": "measured"}
            body = {"attempt": held[number]["attempt"], "outcome": "failed", "failure": failure}
            await self._call(f"/runner/v1/jobs/{held[number]['job']}/finish", held[number]["token"], body, 200)

        async def nothing(number: int) -> None:
            await self._call("/runner/v1/claim", POOL_TOKEN, {"runner": about, "wait": 0}, 204)

        async def live(number: int) -> None:
            await self._call("/health/live", "", None, 200, method="GET")

        for step, act in zip(STEPS, (submit, dispatch, claim, heartbeat, finish, nothing, live), strict=True):
            found[step] = await self._measured(act)
        return found

    async def _measured(self, act: Callable[[int], Awaitable[None]]) -> list[float]:
        """Statements, milliseconds of this process and milliseconds of the database for one of JOBS calls."""
        statements, service, database = self._statements, time.process_time(), _processor_seconds(self._postmaster)
        for number in range(JOBS):
            await act(number)
        service = time.process_time() - service
        database = _processor_seconds(self._postmaster) - database
        return [(self._statements - statements) / JOBS, 1000 * service / JOBS, 1000 * database / JOBS]

    async def _call(
        self,
        path: str,
        bearer: str,
        body: Any,
        expected: int,
        headers: dict[str, str] | None = None,
        method: str = "POST",
    ) -> Any:
        data = b"" if body is None else json.dumps(body).encode()
        sent = {"host": "127.0.0.1", "content-type": "application/json", "content-length": str(len(data))}
        sent |= {"authorization": f"Bearer {bearer}", **(headers or {})}
        scope = {
            "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1",
            "method": method, "scheme": "http", "path": path, "raw_path": path.encode(), "query_string": b"",
            "root_path": "", "headers": [(name.lower().encode(), value.encode()) for name, value in sent.items()],
            "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
        }  # fmt: skip
        asked, answered, status, chunks = False, asyncio.Event(), 0, []

        async def receive() -> dict[str, Any]:
            nonlocal asked
            if asked:
                await answered.wait()
                return {"type": "http.disconnect"}
            asked = True
            return {"type": "http.request", "body": data, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                chunks.append(message.get("body", b""))
                if not message.get("more_body"):
                    answered.set()

        await self._app(scope, receive, send)
        text = b"".join(chunks)
        if status != expected:
            raise SystemExit(f"{path} was answered {status}: {text[:500]!r}")
        return json.loads(text) if text else None


if __name__ == "__main__":
    if sys.argv[1:] == ["--one"]:
        one()
    else:
        raise SystemExit(main(sys.argv[1:]))
