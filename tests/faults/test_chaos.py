"""A short seed of `make faults`: two hundred jobs under every kind of fault, and nothing is lost or done twice."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.needs_postgres,
    pytest.mark.needs_rabbitmq,
    pytest.mark.needs_s3,
    pytest.mark.timeout(1500),
]


def chaos(*arguments: str) -> tuple[int, str]:
    """Exit code and output of a run."""
    return module_run("tests.faults.chaos", *arguments)


def module_run(module: str, *arguments: str, prefix: Sequence[str] = ()) -> tuple[int, str]:
    """The same of another module. A run brings servers of its own: killing those hurts no other test.

    `prefix` is what the command line begins with.
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "deploy" / "demo")])}
    process = subprocess.Popen(
        [*prefix, sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        output, _ = process.communicate(timeout=1400)
    except BaseException:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
        raise
    print(output)
    return process.returncode, output


def test_two_hundred_jobs_under_fire_end_once_each() -> None:
    code, output = chaos("--jobs", "200", "--seed", "7")
    figures = [line for line in output.splitlines() if not line.startswith("NOTICE")]
    assert "submitted 200" in figures
    assert "acknowledged 200" in figures
    assert "lost 0" in figures
    assert "duplicated effects 0" in figures
    assert "stale writes accepted 0" in figures
    assert "failed without a class 0" in figures
    assert any(line.startswith("orphans 0 ") for line in figures)
    assert code == 0


@pytest.mark.long
def test_machines_of_a_failing_cloud_lose_nothing_and_every_second_is_paid() -> None:
    """`make faults CLOUD=ovh`, short: the emulator's own ledger of what its machines ran is what the service pays."""
    code, output = chaos(
        "--jobs", "150", "--seed", "6", "--cloud", "ovh", "--runners", "3", "--students", "6", "--pace", "2"
    )
    figures = [line for line in output.splitlines() if not line.startswith("NOTICE")]
    for line in ("submitted 150", "lost 0", "duplicated effects 0", "stale writes accepted 0", "unaccounted 0"):
        assert line in figures
    assert any(line.startswith("orphans 0 ") for line in figures)
    machines = re.search(r"^machines (\d+), that ran ([\d.]+) s .* and (\d+) s by", output, re.MULTILINE)
    assert machines is not None
    assert int(machines[1]) >= 4  # some were taken away and replaced
    assert float(machines[2]) > 30
    assert re.search(r"^the cloud's bad days: .*(answers|after the work)", output, re.MULTILINE)
    assert code == 0


@pytest.mark.long
def test_the_same_storm_shows_when_the_fence_is_taken_away() -> None:
    code, output = chaos("--jobs", "60", "--seed", "3", "--fencing", "off")
    assert "the fence is off, and that was seen" in output
    assert code == 1
