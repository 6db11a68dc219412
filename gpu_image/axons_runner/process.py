"""What a process that computes asks of its C library and of OpenMP, before torch is loaded."""

from __future__ import annotations

import ctypes
import os

M_TRIM_THRESHOLD = -1  # glibc's malloc.h
M_MMAP_MAX = -4


def prepare() -> None:
    """Make this process fit for training; call it before anything imports torch, which reads the environment.

    OpenMP threads that spin while they wait cost: on two cores with two busy neighbours a step took 1,130 ms, sleeping
    170 ms; on a machine of its own spinning is a fifth faster, and ``OMP_WAIT_POLICY=ACTIVE`` asks for it.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    keep_freed_memory()


def keep_freed_memory() -> bool:
    """Have glibc keep freed blocks for the next layer; False where the C library is another.

    Usually it returns large blocks to the system and fetches them again, page by page: EfficientNet-Lite0 took 38,000
    page faults a picture, and trains 3.7 × faster without.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    done: list[int] = [mallopt(M_MMAP_MAX, 0), mallopt(M_TRIM_THRESHOLD, -1)]  # no block by mmap; never trim
    return all(done)
