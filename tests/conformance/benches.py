"""Each provider with the world it starts machines in, and hands on that world from outside."""

import os
import sys
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import psutil

from axons_service.compute.models import Pool
from axons_service.compute.providers import provider_of
from axons_service.compute.providers.base import Handle, Provider
from tests.conformance.cluster import Cluster
from tests.conformance.ovh_cloud import TOKEN, OvhCloud

SCRIPT = "import sys, time; print(*sys.argv[1:], flush=True); time.sleep(300)\n"


class Bench(ABC):
    """A pool of one provider. `machines` counts what lives, seen from outside of the service."""

    provider_name: str
    options: dict[str, Any]

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def pool(self, name: str = "gpu") -> Pool:
        return Pool(name=name, title="GPUs", provider=self.provider_name, options=dict(self.options))

    def provider(self, name: str = "gpu") -> Provider:
        return provider_of(self.pool(name))

    @abstractmethod
    def machines(self) -> int: ...

    @abstractmethod
    def run(self, handle: Handle) -> None:
        """The machine is there and the runner's process runs."""

    @abstractmethod
    def die(self, handle: Handle) -> None:
        """The machine goes away by itself."""

    @abstractmethod
    def settle(self) -> None:
        """Time in which a stop takes effect."""

    def close(self) -> None:
        return None


class LocalBench(Bench):
    provider_name = "local"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        script = folder / "runner.py"
        script.write_text(SCRIPT)
        self.options = {"pool_token_file": str(folder / "token"), "program": [sys.executable, str(script)]}

    def _processes(self) -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter(["cmdline", "status"]):
            ours = any(str(self.folder) in argument for argument in process.info["cmdline"] or [])
            if ours and process.pid != os.getpid() and process.info["status"] != psutil.STATUS_ZOMBIE:
                found.append(process)
        return found

    def machines(self) -> int:
        return len(self._processes())

    def run(self, handle: Handle) -> None:
        return None

    def die(self, handle: Handle) -> None:
        os.kill(handle["pid"], 9)
        self.settle()

    def settle(self) -> None:
        for child in psutil.Process().children():
            try:
                child.wait(1)
            except psutil.TimeoutExpired:
                continue

    def close(self) -> None:
        for process in self._processes():
            process.kill()
        self.settle()


class StaticBench(Bench):
    provider_name = "static"
    options: dict[str, Any] = {}

    def machines(self) -> int:
        return 0

    def run(self, handle: Handle) -> None:
        return None

    def die(self, handle: Handle) -> None:
        return None

    def settle(self) -> None:
        return None


class KubernetesBench(Bench):
    provider_name = "kubernetes"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.cluster = Cluster()
        kubeconfig = folder / "kubeconfig"
        kubeconfig.write_text(self.cluster.kubeconfig())
        self.options = {
            "kubeconfig": str(kubeconfig),
            "image": "registry.example.org/axons-runner:1.2.3",
            "service_url": "https://axons.example.org",
            "token_secret": "axons-pool",
        }

    def machines(self) -> int:
        return len(self.cluster.machines())

    def run(self, handle: Handle) -> None:
        self.cluster.run(handle["name"])

    def die(self, handle: Handle) -> None:
        self.cluster.end(handle["name"])

    def settle(self) -> None:
        self.cluster.pass_grace()

    def close(self) -> None:
        self.cluster.close()


class OvhBench(Bench):
    provider_name = "ovh"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.cloud = OvhCloud()
        (folder / "application-token").write_text(TOKEN + "\n")
        self.options = {
            "api": self.cloud.url,
            "token_file": str(folder / "application-token"),
            "image": "registry.example.org/axons-runner:1.2.3",
            "service_url": "https://axons.example.org",
        }

    def machines(self) -> int:
        return len(self.cloud.living())

    def run(self, handle: Handle) -> None:
        self.cloud.forward(20)

    def die(self, handle: Handle) -> None:
        self.cloud.end(handle["id"], "FAILED")

    def settle(self) -> None:
        self.cloud.forward(10)

    def close(self) -> None:
        self.cloud.close()


BENCHES: dict[str, type[Bench]] = {
    bench.provider_name: bench for bench in (LocalBench, StaticBench, KubernetesBench, OvhBench)
}
