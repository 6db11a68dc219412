"""`python -m axons_demo up` and `python -m axons_demo check`."""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import FrameType

from axons_demo.check import run_check
from axons_demo.errors import DemoError
from axons_demo.home import REPOSITORY, Home, default_home
from axons_demo.programs import Plan
from axons_demo.start import bring_up, say
from axons_demo.supervisor import Supervisor

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def stop_event() -> threading.Event:
    """An event that Ctrl-C, SIGTERM or a closed terminal sets; the first one also interrupts what runs."""
    event = threading.Event()

    def interrupt(number: int, frame: FrameType | None) -> None:
        if not event.is_set():
            event.set()
            raise KeyboardInterrupt

    for number in STOP_SIGNALS:
        signal.signal(number, interrupt)
    return event


def welcome(plan: Plan, seconds: float) -> str:
    unit = f"{plan.lms_url}/learning/course/everyday_objects/"
    return f"""
Axons is running ({seconds:.0f} s to start).   Ctrl-C stops it; the data stays in {plan.home.root}

    {plan.lms_url}

  Students Ada and Kofi, and course staff Dr. Grace: choose one on the first page, no passwords.
  1. As Ada, open the exercise: {unit}
     Look at the pictures, press Train, watch the curves; then try a picture of your own and hand the model in.
  2. Progress shows Ada her grade; Gradebook shows Dr. Grace everybody's.
  3. As Dr. Grace, open the same unit to review what was handed in, or Studio to edit the exercise.

  Logs: {plan.home.logs}
"""


def up(home: Home) -> int:
    """Run until interrupted. Exit code 1 when the demo could not start, or could not go on."""
    event = stop_event()
    started = time.monotonic()
    supervisor = Supervisor(home, say)
    say(f"Starting Axons in {home.root}")
    code = 0
    try:
        supervisor.take()
        plan = bring_up(supervisor)
        say(welcome(plan, time.monotonic() - started))
        supervisor.watch(event.is_set)
    except KeyboardInterrupt:
        say("")
    except DemoError as error:
        say(f"\nThe demo stopped: {error}")
        code = 1
    return stop(supervisor, code)


def stop(supervisor: Supervisor, code: int) -> int:
    started = time.monotonic()
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C must not leave half of it running
    if not supervisor.owned:
        return code
    say("Stopping …")
    supervisor.stop()
    left = supervisor.left()
    if left:
        say(f"These processes are still there: {left}")
        return 1
    say(f"Stopped, nothing is left running ({time.monotonic() - started:.1f} s).")
    return code


def check(keep: bool) -> int:
    """The student's whole path on a fresh data directory. Exit code 1 when a step fails."""
    stop_event()
    parent = REPOSITORY / ".axons"
    parent.mkdir(exist_ok=True)
    root = Path(tempfile.mkdtemp(prefix="check-", dir=parent))
    supervisor = Supervisor(Home(root), say)
    say(f"demo-check in {root}")
    code, summary = 1, ""
    try:
        supervisor.take()
        plan = bring_up(supervisor)
        summary = run_check(plan, say)
        code = 0
    except KeyboardInterrupt:
        say("interrupted")
    except DemoError as error:
        say(f"\ndemo: FAILED {error}\nThe logs stay in {root / 'logs'}")
    code = stop(supervisor, code)
    if code == 0 and not keep:
        shutil.rmtree(root, ignore_errors=True)
    if code == 0:
        say(summary)
    return code


def main() -> int:
    parser = argparse.ArgumentParser(prog="axons_demo", description="The Axons demo on one machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser("up", help="start everything and keep it running")
    start.add_argument("--home", type=Path, help="another data directory")
    checking = commands.add_parser("check", help="drive the student's whole path, then stop")
    checking.add_argument("--keep", action="store_true", help="keep the data directory")
    arguments = parser.parse_args()
    if sys.platform not in ("linux", "darwin"):
        say("The demo runs on Linux and macOS.")
        return 1
    if arguments.command == "check":
        return check(arguments.keep)
    home = Home(arguments.home.resolve()) if arguments.home else default_home()
    return up(home)


if __name__ == "__main__":
    sys.exit(main())
