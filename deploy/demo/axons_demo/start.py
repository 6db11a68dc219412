"""The order in which a demo comes up, with a line per step."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from axons_demo import broker, objects, ports, preparation, programs
from axons_demo.errors import DemoError
from axons_demo.home import Home
from axons_demo.keys import load_or_create
from axons_demo.programs import Plan
from axons_demo.supervisor import Supervisor

Say = Callable[[str], None]


def say(line: str) -> None:
    print(line, flush=True)


@contextmanager
def step(name: str, tell: Say = say) -> Iterator[Callable[[str], None]]:
    """A line with the seconds a step took, and what it has to say."""
    started = time.monotonic()
    notes: list[str] = []
    try:
        yield notes.append
    except BaseException:
        tell(f"  ✗ {name}  {time.monotonic() - started:.1f} s")
        raise
    note = f"  ({'; '.join(notes)})" if notes else ""
    tell(f"  ✓ {name}  {time.monotonic() - started:.1f} s{note}")


def bring_up(supervisor: Supervisor, tell: Say = say) -> Plan:
    """Start everything. Raises DemoError with a sentence; the caller stops what was started."""
    home: Home = supervisor.home
    remembered = supervisor.remembered().get("base", "")
    plan = Plan(home, ports.choose(int(remembered) if remembered.isdigit() else None), load_or_create(home.keys))
    supervisor.remember(base=plan.ports.base, url=plan.lms_url)
    with step("object store", tell):
        supervisor.start(objects.program(plan.store, plan.base_environment()))
    with step("broker", tell):
        supervisor.start(broker.program(plan.broker, plan.base_environment()))
    with step("service: database", tell) as note:
        note(preparation.set_up_service(plan))
    with step("service: pictures and models", tell) as note:
        note(preparation.import_library(plan))
    with step("service", tell):
        supervisor.start(programs.service(plan))
    with step("Celery worker and beat", tell):
        supervisor.start(programs.worker(plan))
        supervisor.start(programs.beat(plan))
    with step("LMS", tell) as note:
        note(preparation.prepare_lms(plan))
        supervisor.start(programs.lms(plan))
    with step("runner (loads PyTorch)", tell) as note:
        note(wait_for_runner(plan))
    return plan


def warm_runners(plan: Plan) -> int:
    """Runners that have asked the service for work, as its database knows them."""
    database = plan.home.service / "service.sqlite3"
    query = "SELECT count(*) FROM axons_compute_runner WHERE state = 'active' AND last_seen_at IS NOT NULL"
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=5)) as connection:
            return int(connection.execute(query).fetchone()[0])
    except sqlite3.Error:
        return 0


def wait_for_runner(plan: Plan, seconds: float = 120) -> str:
    """Wait until the pool's one warm runner has asked for work. Raises DemoError when none comes."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if count := warm_runners(plan):
            return f"{count} warm"
        time.sleep(0.3)
    raise DemoError(f"no runner came within {seconds:.0f} s. The logs are in {plan.home.logs} and {plan.home.service}.")
