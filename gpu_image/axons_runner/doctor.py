"""``axons-runner doctor``: can this machine do a runner's work? One line for each thing it needs, with what mends it.

``axons-runner healthy`` is the short form for a container's HEALTHCHECK: does the runner here still turn?
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pynvml  # type: ignore[import-untyped]
import requests

import axons_runner
from axons_runner.client import ServiceClient
from axons_runner.errors import Rejected, Unavailable
from axons_runner.settings import Options

FREE_BYTES = 2 << 30
SELFTEST_SECONDS = 300
ALIVE_SECONDS = 30.0  # the agent touches its file each fifth of this
REACH_SECONDS = 5.0


@dataclass(frozen=True)
class Finding:
    """What was looked at, what was found, and what to do; no ``fix``: it is well."""

    subject: str
    found: str
    fix: str = ""

    def __str__(self) -> str:
        return f"{'FAIL' if self.fix else 'ok  '}  {self.subject}: {self.found}{f' {self.fix}' if self.fix else ''}"


def main(options: Options, store_url: str | None) -> int:
    """Print each finding as it comes; return 0 when all is well, else 1."""
    failed = 0
    for finding in look(options, store_url):
        print(finding, flush=True)
        failed += bool(finding.fix)
    print("All is well." if not failed else f"{failed} of these need attention.", flush=True)
    return 1 if failed else 0


def look(options: Options, store_url: str | None) -> Iterator[Finding]:
    """Yield what is found of scratch space, NVML, service, object store, and of the computing itself."""
    checks: list[Callable[[], Finding]] = [
        lambda: scratch_space(options.cache_dir),
        nvml,
        lambda: service(options),
        lambda: store(store_url),
        computing,
    ]
    for check in checks:
        yield check()


def scratch_space(folder: Path, needed: int = FREE_BYTES) -> Finding:
    """Whether the cache folder can be written to and has room for a training set, a model and its checkpoints."""
    subject = "scratch space"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"x")
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return Finding(
            subject,
            f"{folder} cannot be written to ({error.strerror}).",
            f"Mount a writable folder there for user {os.getuid()}, or name another with --cache-dir.",
        )
    found = f"{folder} has {free / 2**30:.1f} GiB free"
    if free < needed:
        return Finding(
            subject, f"{found}, fewer than the {needed / 2**30:.1f} GiB needed.", "Free some, or mount more."
        )
    return Finding(subject, f"{found}.")


def nvml(device: Path = Path("/dev/nvidia0")) -> Finding:
    """Whether the GPU's figures can be read, where there is a GPU."""
    try:
        pynvml.nvmlInit()
        count = pynvml.nvmlDeviceGetCount()
        names = [str(pynvml.nvmlDeviceGetName(pynvml.nvmlDeviceGetHandleByIndex(i))) for i in range(count)]
    except pynvml.NVMLError as error:
        if device.exists() or os.environ.get("NVIDIA_VISIBLE_DEVICES", "void") not in ("void", "none", ""):
            return Finding(
                "NVML",
                f"there should be a GPU, but its driver does not answer ({error}).",
                "Start the container with the NVIDIA runtime and the capability “utility” (--gpus all), and see that "
                "nvidia-smi works on the machine.",
            )
        return Finding("NVML", "no GPU here; everything is computed on the processor.")
    return Finding("NVML", f"{count} GPU: {', '.join(names)}.")


def service(options: Options) -> Finding:
    """Whether the service answers and takes the pool's token. Asks for work for no slot: gets none, changes nothing."""
    if options.enrolment_token:
        return Finding("service", "not asked: the token of this machine works once, and is the runner's.")
    about = {"name": options.name, "version": axons_runner.__version__, "slots": [], "architectures": []}
    try:
        ServiceClient(options.service, options.pool_token).claim(about, 0)
    except Rejected as refusal:
        return Finding(
            "service", f"{options.service} refuses the pool's token ({refusal}).",
            "Make a new token for the pool on the service, and put it into the file that --pool-token-file names.",
        )  # fmt: skip
    except Unavailable as problem:
        return Finding(
            "service", f"{options.service} does not answer as a service of Axons does ({problem}).",
            "Check the address given to --service, and that names, proxy and firewall let this machine there.",
        )  # fmt: skip
    return Finding("service", f"{options.service} answers and takes the pool's token.")


def store(url: str | None) -> Finding:
    """Whether the object store answers at all: what a runner may fetch there, each job's links say."""
    if not url:
        return Finding("object store", "not looked at; name its address with --store or AXONS_STORE_URL.")
    try:
        status = requests.get(url, timeout=REACH_SECONDS, allow_redirects=False).status_code
    except requests.RequestException as error:
        return Finding(
            "object store", f"{url} cannot be reached ({type(error).__name__}).",
            "It must be the S3 address that the service signs links for (its internal one, if it has two), and this "
            "machine must be let there.",
        )  # fmt: skip
    if status >= 500:
        return Finding("object store", f"{url} answers with status {status}.", "Look at the object store's own log.")
    return Finding("object store", f"{url} answers.")


def computing() -> Finding:
    """Whether torch is built for this GPU and the published weights load; in a process of its own: torch is large."""
    command = [sys.executable, "-m", "axons_runner.selftest"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SELFTEST_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return Finding("computing", "the self-test did not end.", "This machine has too little memory or processor.")
    if done.returncode:
        said = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1]
        return Finding("computing", said, "Use an image whose torch is built for this GPU (cu126 wheels for V100S).")
    return Finding("computing", done.stdout.strip().splitlines()[-1])


def alive_file(options: Options) -> Path:
    """Return the file that a running agent touches."""
    return options.work_dir() / f"alive-{options.name}"


def healthy(options: Options) -> int:
    """Return 0 when the agent of this name turned lately, else say so and return 1."""
    try:
        age = time.time() - alive_file(options).stat().st_mtime
    except OSError:
        print(f"No runner named {options.name} has started with this cache folder.", file=sys.stderr)
        return 1
    if age > ALIVE_SECONDS:
        print(f"The runner {options.name} last turned {age:.0f} s ago; restart it.", file=sys.stderr)
        return 1
    return 0
