"""What a slot's process uses: CPU and memory by psutil, the GPU by NVML where there is one."""

from __future__ import annotations

import contextlib
from typing import Any

import psutil
import pynvml  # type: ignore[import-untyped]


class Monitor:
    """Samples one process; the GPU's figures are of the whole first device."""

    def __init__(self, pid: int) -> None:
        self.process = psutil.Process(pid)
        self.cores = psutil.cpu_count() or 1
        self.gpu: Any = None
        with contextlib.suppress(pynvml.NVMLError):
            pynvml.nvmlInit()
            self.gpu = pynvml.nvmlDeviceGetHandleByIndex(0)
        with contextlib.suppress(psutil.Error):
            self.process.cpu_percent()  # the first call only sets the mark that the next one measures from

    def sample(self) -> dict[str, float]:
        """Return cpu_percent (0–100, of all cores), memory_bytes and gpu_* where known; {} when the process is gone."""
        try:
            with self.process.oneshot():
                usage: dict[str, float] = {
                    "cpu_percent": round(self.process.cpu_percent() / self.cores, 1),
                    "memory_bytes": self.process.memory_info().rss,
                }
        except psutil.Error:
            return {}
        if self.gpu is not None:
            with contextlib.suppress(pynvml.NVMLError):
                usage["gpu_percent"] = float(pynvml.nvmlDeviceGetUtilizationRates(self.gpu).gpu)
                usage["gpu_memory_bytes"] = int(pynvml.nvmlDeviceGetMemoryInfo(self.gpu).used)
                usage["gpu_power_watts"] = round(pynvml.nvmlDeviceGetPowerUsage(self.gpu) / 1000, 1)
        return usage


def oom_kills() -> int:
    """Return how many processes this machine's kernel has killed for memory since it started; 0 where unknown."""
    with contextlib.suppress(OSError, ValueError), open("/proc/vmstat") as lines:
        for line in lines:
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0
