"""SeaweedFS from its wheel, by the demo's own command."""

from __future__ import annotations

import sys
from pathlib import Path

from scripts.services.lifecycle import ROOT, Server, spawn, wait

sys.path.insert(0, str(ROOT / "deploy" / "demo"))

from axons_demo import objects, ports


def start(folders: Path, logs: Path, password: str) -> Server:
    """A fresh store with the bucket `axons-tests`."""
    folder = folders / "seaweed"
    base = next(b for b in range(27000, 31000, 10) if not ports.taken(ports.Ports(b)))
    store = objects.Store(folder, folder / "sockets", base + 3, "tests", password, bucket="axons-tests")
    program = objects.program(store)
    log = logs / "seaweed.log"
    pid = spawn(program.argv, log, program.environment, cwd=str(folder))
    wait("SeaweedFS", program.ready, log)
    environment = {
        "AXONS_TEST_S3_ENDPOINT": store.url,
        "AXONS_TEST_S3_ACCESS_KEY": store.access_key,
        "AXONS_TEST_S3_SECRET_KEY": store.secret_key,
        "AXONS_TEST_S3_BUCKET": store.bucket,
    }
    return Server("SeaweedFS", [pid], environment)
