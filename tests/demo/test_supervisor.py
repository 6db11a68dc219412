"""The supervisor, with small programs: it stops all of them, restarts what dies, and gives up with a sentence."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from axons_demo.errors import DemoError
from axons_demo.home import REPOSITORY, Home
from axons_demo.processes import MARK, Program, marked
from axons_demo.supervisor import Supervisor

SLEEP = "import time; time.sleep(600)"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "demo")


def program(home: Home, name: str, code: str, ready: Callable[[], bool] = lambda: True, seconds: float = 10) -> Program:
    environment = {**os.environ, MARK: str(home.root)}
    return Program(name, [sys.executable, "-c", textwrap.dedent(code)], environment, ready, home.root, seconds)


def eventually(look: Callable[[], object], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def test_stop_leaves_nothing_running_not_even_a_grandchild_in_a_session_of_its_own(home: Home) -> None:
    supervisor = Supervisor(home, lambda line: None)
    supervisor.take()
    starts_another = f"""
        import subprocess, sys, time
        subprocess.Popen([sys.executable, "-c", {SLEEP!r}], start_new_session=True)
        time.sleep(600)
    """
    supervisor.start(program(home, "worker", starts_another))
    eventually(lambda: len(marked(home.root)) == 2)
    supervisor.stop()
    assert supervisor.left() == []


def test_stop_kills_what_does_not_listen(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("axons_demo.supervisor.PATIENCE", 0.5)
    supervisor = Supervisor(home, lambda line: None)
    supervisor.take()
    deaf = home.root / "deaf"
    ignore = f"""
        import pathlib, signal, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        pathlib.Path({str(deaf)!r}).touch()
        time.sleep(600)
    """
    supervisor.start(program(home, "lms", ignore, ready=deaf.exists))
    supervisor.stop()
    assert supervisor.left() == []


def test_a_program_that_hides_its_mark_is_stopped_too(home: Home) -> None:
    supervisor = Supervisor(home, lambda line: None)
    supervisor.take()
    hidden = program(home, "broker", SLEEP)
    supervisor.start(Program(hidden.name, hidden.argv, dict(os.environ), hidden.ready, home.root))
    assert marked(home.root) == []
    supervisor.stop()
    assert supervisor.left() == []


def test_what_a_killed_supervisor_left_behind_is_stopped_by_the_next(home: Home) -> None:
    first = Supervisor(home, lambda line: None)
    first.take()
    first.start(program(home, "service", SLEEP))
    orphan = psutil.Process(first.running["service"].process.pid)
    first._lock.close()  # type: ignore[union-attr]  # what the kernel does when a process dies
    said: list[str] = []
    second = Supervisor(home, said.append)
    second.take()
    assert said == ["stopping 1 processes that an earlier start left behind"]
    assert not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE
    second.stop()


def test_two_demos_on_the_same_data_are_refused_with_the_running_ones_address(home: Home) -> None:
    first = Supervisor(home, lambda line: None)
    first.take()
    first.remember(base=18600, url="http://127.0.0.1:18600")
    with pytest.raises(DemoError, match=r"runs on this data already \(http://127\.0\.0\.1:18600\)"):
        Supervisor(home, lambda line: None).take()
    first.stop()


def test_a_program_that_dies_is_started_again_with_a_message(home: Home) -> None:
    said: list[str] = []
    supervisor = Supervisor(home, said.append)
    supervisor.take()
    supervisor.start(program(home, "beat", SLEEP))
    before = supervisor.running["beat"].process.pid
    os.kill(before, signal.SIGKILL)
    supervisor.watch(lambda: supervisor.running["beat"].process.pid != before, interval=0.05)
    assert len(said) == 1
    assert said[0].startswith("beat ended with code -9; starting it again")
    assert supervisor.running["beat"].process.poll() is None
    supervisor.stop()


def test_a_program_that_keeps_dying_stops_the_demo_with_its_log(home: Home) -> None:
    supervisor = Supervisor(home, lambda line: None)
    supervisor.take()
    supervisor.start(program(home, "lms", "import time; time.sleep(.2); raise SystemExit('no port left')"))
    with pytest.raises(DemoError, match="lms ended 4 times within 60 s") as caught:
        supervisor.watch(lambda: False, interval=0.05)
    assert "no port left" in str(caught.value)
    assert str(home.logs / "lms.log") in str(caught.value)
    supervisor.stop()


def test_a_program_that_never_gets_ready_is_a_sentence_with_its_log(home: Home) -> None:
    supervisor = Supervisor(home, lambda line: None)
    supervisor.take()
    with pytest.raises(DemoError, match="service ended with code 3 before it was ready"):
        supervisor.start(program(home, "service", "raise SystemExit(3)", ready=lambda: False))
    with pytest.raises(DemoError, match="lms was not ready after 1 s"):
        supervisor.start(program(home, "lms", SLEEP, ready=lambda: False, seconds=1))
    supervisor.stop()
    assert supervisor.left() == []


@pytest.mark.slow
@pytest.mark.needs_s3
def test_the_command_stops_at_sigterm_with_everything_it_had_started(tmp_path: Path) -> None:
    """The real command, interrupted in the middle of its start."""
    home = Home(tmp_path / "demo")
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "deploy" / "demo")}
    environment.pop("AXONS_PORT", None)
    command = [sys.executable, "-m", "axons_demo", "up", "--home", str(home.root)]
    running = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert running.stdout is not None
    for line in running.stdout:
        if "broker" in line:
            break
    assert len(marked(home.root)) >= 1
    began = time.monotonic()
    running.send_signal(signal.SIGTERM)
    said = running.communicate(timeout=20)[0]
    assert time.monotonic() - began < 15
    assert "nothing is left running" in said
    assert marked(home.root) == []
