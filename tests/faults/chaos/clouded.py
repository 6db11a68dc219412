"""What a world has beside, where its machines come from the emulated cloud: the cloud, its proxy, the pool's flags."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from scripts.services import lifecycle
from tests.conformance.ovh_cloud import TOKEN
from tests.faults.chaos.cloud import Cloud
from tests.faults.chaos.proxies import Fault, Proxy, Weather

CLOUDY = {Fault.LOST: 0.04, Fault.DROPPED: 0.03, Fault.TWICE: 0.02, Fault.HALF: 0.01, Fault.SLOW: 0.03}
HURRIED = {"CHAOS_CLOUD": "on"}  # the service's own pauses about machines are shortened (`hurried`)


def cloud_prepare(folder: Path, environment: Mapping[str, str], rng: random.Random) -> tuple[Cloud, Proxy]:
    """The cloud and the proxy in front of it, not started yet. `environment` is what its containers are made of."""
    kept = {key: value for key, value in environment.items() if not key.startswith(("AXONS_", "DJANGO_"))}
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    cloud = Cloud(folder / "runners", {**kept, **threads}, random.Random(rng.random()))
    (port,) = lifecycle.free_ports(1)
    upstream = urlsplit(cloud.url).port
    assert upstream is not None
    (folder / "keys" / "application_token").write_text(TOKEN)
    return cloud, Proxy(port, upstream, Weather(random.Random(rng.random()), dict(CLOUDY)))


def pool_flags(proxy: Proxy, folder: Path, service: int, runners: int) -> list[str]:
    """Of `pool_register`: a pool of the real provider, with the proxy as the cloud's address."""
    options = {
        "api": f"http://127.0.0.1:{proxy.port}",
        "token_file": str(folder / "keys" / "application_token"),
        "image": "registry.example.org/axons-runner:1.2.3",
        "service_url": f"http://127.0.0.1:{service}",
    }
    return [
        "--provider", "ovh", "--max-runners", str(runners), "--price", "1.80", "--billing-unit", "1", "--idle", "4",
        "--target-wait", "1", "--start-timeout", "12",
        *(part for name, value in options.items() for part in ("--option", f"{name}={value}")),
    ]  # fmt: skip
