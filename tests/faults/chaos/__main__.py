"""`python -m tests.faults.chaos --jobs 2000 --seed 1`: what `make faults` runs. Exit code 1 when anything was wrong."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys

from scripts.services.lifecycle import ServiceError
from tests.faults.chaos import cloud_actions
from tests.faults.chaos.actions import FAULTS, PACE_SECONDS
from tests.faults.chaos.clock import NoFaketime
from tests.faults.chaos.run import chaos
from tests.faults.chaos.units import UnitError
from tests.faults.chaos.verdict import Verdict


def main() -> int:
    """Run once and print the report."""
    parser = argparse.ArgumentParser(prog="make faults", description="Seeded chaos over the whole service.")
    parser.add_argument("--jobs", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runners", type=int, default=4)
    parser.add_argument("--students", type=int, default=12)
    parser.add_argument("--pace", type=float, default=PACE_SECONDS, help="seconds between two faults, on average")
    parser.add_argument(
        "--only", choices=sorted(FAULTS | cloud_actions.FAULTS), default="", help="this one fault instead of all"
    )
    parser.add_argument("--fencing", choices=("on", "off"), default="on", help="off shows that this test can fail")
    parser.add_argument("--cloud", choices=("", "ovh"), default="", help="machines come from the emulated cloud")
    given = parser.parse_args()
    if given.only and given.only not in (cloud_actions.FAULTS if given.cloud else FAULTS):
        parser.error(f"--only {given.only} is no fault of a world {'with' if given.cloud else 'without'} a cloud.")
    cloud = f", machines of the emulated {given.cloud}" if given.cloud else ""
    say(f"chaos: {given.jobs} jobs, seed {given.seed}, {given.runners} runners, fencing {given.fencing}{cloud}")
    try:
        verdict = asyncio.run(_run(given))
    except (UnitError, ServiceError, NoFaketime, asyncio.CancelledError) as error:
        print(f"faults: {error}", file=sys.stderr)
        return 1
    for line in [*verdict.sentences()[:50], *verdict.lines()]:
        say(line)
    if given.fencing == "off":
        seen = len(verdict.stale_accepted) + len(verdict.duplicated)
        say(
            "the fence is off, and that was seen"
            if seen
            else "the fence is off, and nothing noticed: this test is blind"
        )
    return 0 if verdict.is_clean else 1


async def _run(given: argparse.Namespace) -> Verdict:
    """The run, which SIGTERM ends as Ctrl-C does: with everything that it started."""
    running = asyncio.current_task()
    assert running is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    return await chaos(
        jobs=given.jobs,
        seed=given.seed,
        runners=given.runners,
        students=given.students,
        pace=given.pace,
        only=given.only,
        fencing=given.fencing == "on",
        say=say,
        cloud=bool(given.cloud),
    )


def say(line: str) -> None:
    """Print at once: a run takes minutes."""
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
