"""A process that computes keeps the memory that it has had."""

from __future__ import annotations

import subprocess
import sys

import pytest

FAULTS = """
import ctypes, resource, sys
if sys.argv[1] == "prepared":
    from axons_runner.process import keep_freed_memory
    assert keep_freed_memory()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes, libc.memset.argtypes = [ctypes.c_void_p], [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    block = libc.malloc(40 << 20)
    libc.memset(block, 1, 40 << 20)
    libc.free(block)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
ENVIRONMENT = """
import sys
from axons_runner import process, worker
class Pipe:
    def recv(self): import time; time.sleep(60)
import axons_runner.process
def look():
    process.prepare()
    import os
    print(os.environ["OMP_WAIT_POLICY"], "torch" in sys.modules, flush=True)
    os._exit(0)
worker.prepare = look
worker.main(Pipe(), "training", "/nowhere", 1, 1 << 20, 1, None)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the C library of other systems has no mallopt")
def test_blocks_that_were_freed_are_used_again_without_page_faults() -> None:
    faults = {how: int(_python(FAULTS, how)) for how in ("plain", "prepared")}
    pages = (40 << 20) // 4096
    assert faults["plain"] > 10 * pages / 32, "else there is nothing to mend here (huge pages included)"
    assert faults["prepared"] < faults["plain"] / 5


def test_a_slots_process_is_prepared_before_it_loads_torch() -> None:
    assert _python(ENVIRONMENT).split() == ["PASSIVE", "False"]


def test_an_operator_may_let_the_threads_spin() -> None:
    code = "import os\nfrom axons_runner.process import prepare\nprepare()\nprint(os.environ['OMP_WAIT_POLICY'])"
    assert _python(code, OMP_WAIT_POLICY="ACTIVE").strip() == "ACTIVE"


def _python(code: str, *arguments: str, **environment: str) -> str:
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env={"PATH": "", **environment})
    assert done.returncode == 0, done.stderr
    return done.stdout
