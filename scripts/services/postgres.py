"""PostgreSQL. It refuses to run as root: then it runs as its package's user."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

from scripts.services.lifecycle import Prepared, Server, ServiceError, free_ports, listens


def binaries() -> Path:
    """The folder with `postgres` and `initdb`: Debian keeps them off the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("postgres")
    if on_path:
        return Path(on_path).resolve().parent
    raise ServiceError(
        "PostgreSQL is not installed. Debian: apt-get install postgresql; macOS: brew install postgresql."
    )


def as_server() -> list[str]:
    """The prefix that leaves root's rights behind."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]


def prepare(
    folders: Path, logs: Path, password: str, *, authentication: str = "scram-sha-256", is_durable: bool = False
) -> Prepared:
    """A fresh cluster whose user `axons` may create databases; `create_database` makes the one of the URL.

    Tests want it fast; `is_durable` makes commits wait for the disk, as a real deployment's do.
    """
    bin_folder, prefix = binaries(), as_server()
    folder = folders / "postgres"
    folder.mkdir(mode=0o700)
    (port,) = free_ports(1)
    fsync = "on" if is_durable else "off"
    log = logs / "postgres.log"
    if prefix:
        shutil.chown(folder, "postgres", "postgres")
    password_file = folder / "password"
    password_file.write_text(password)
    if prefix:
        shutil.chown(password_file, "postgres", "postgres")
    _run(
        [*prefix, str(bin_folder / "initdb"), "-D", str(folder / "data"), "-U", "axons", "-A", authentication,
         "--pwfile", str(password_file), "-E", "UTF8", "--locale", "C", "--no-sync"],
        log,
    )  # fmt: skip
    argv = [
        *prefix, str(bin_folder / "postgres"), "-D", str(folder / "data"), "-p", str(port), "-k", str(folder),
        "-c", "listen_addresses=127.0.0.1", "-c", f"fsync={fsync}", "-c", "shared_buffers=64MB",
        "-c", "max_connections=200",
    ]  # fmt: skip
    url = f"postgres://axons:{password}@127.0.0.1:{port}/axons"
    variables = {"AXONS_TEST_POSTGRES_URL": url}

    def answers() -> bool:
        return listens(port) and psql(url, "SELECT 1") == 0

    return Prepared("PostgreSQL", argv, dict(os.environ), log, answers, variables)


def psql(url: str, statement: str) -> int:
    """Run one statement in the server's own database; the exit code."""
    parts = urlsplit(url)
    environment = {**os.environ, "PGPASSWORD": parts.password or ""}
    argv = [str(binaries() / "psql"), "-h", "127.0.0.1", "-p", str(parts.port), "-U", "axons", "-d", "postgres", "-qAt"]
    done = subprocess.run([*argv, "-c", statement], env=environment, capture_output=True, cwd="/", check=False)
    return done.returncode


def create_database(url: str) -> None:
    """Create the database `axons`. Raises ServiceError."""
    if psql(url, "CREATE DATABASE axons") != 0:
        raise ServiceError("PostgreSQL runs, but the database axons could not be created.")


def start(folders: Path, logs: Path, password: str, *, is_durable: bool = False) -> Server:
    """A fresh cluster with one database `axons`; its own user may create others (tests do)."""
    prepared = prepare(folders, logs, password, is_durable=is_durable)
    pid = prepared.launch()
    create_database(prepared.variables["AXONS_TEST_POSTGRES_URL"])
    return Server(prepared.name, [pid], prepared.variables)


def _run(argv: list[str], log: Path) -> None:
    with log.open("ab") as output:
        done = subprocess.run(argv, stdout=output, stderr=output, cwd="/", check=False)
    if done.returncode != 0:
        raise ServiceError(f"{Path(argv[0]).name} failed. Its log is {log}.")
