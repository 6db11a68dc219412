"""How many streams one process holds: more and more of them, while other processes write an event a second and job."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass

import psutil

from tests.benchmarks.service.http import percentile
from tests.benchmarks.service.stack import Stack
from tests.benchmarks.service.world import COURSE, USAGE, World, running_create

CLIENTS = 2
WRITERS = 2
SETTLE_SECONDS = 5.0  # until what was written while the last of them opened has been caught up with


@dataclass
class Watched:
    """What so many watchers got. Lags in milliseconds from just before the write to the browser's socket."""

    watchers: int
    jobs: int
    opened_per_second: float
    delivered_per_second: float
    expected_per_second: float
    lost: int
    p50: float
    p95: float
    p99: float
    cpu_percent: float
    megabytes: float


def read_tokens(world: World, jobs: int) -> str:
    """A browser's read token and project a line."""
    from axons_service.sites.callers import Caller, Role
    from axons_service.sites.models import Site
    from axons_service.sites.tokens import read_token_mint

    site = Site.objects.get()
    lines = []
    for number, project in enumerate(world.projects[:jobs]):
        caller = Caller(site, f"learner-{number}", Role.LEARNER, COURSE, USAGE)
        lines.append(f"{read_token_mint(caller, project).token} {project}\n")
    return "".join(lines)


def newest_event() -> int:
    """The cursor of a page that is loaded now; 0 before the first event."""
    from axons_service.jobs.models import Event

    return Event.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


def watch(stack: Stack, world: World, steps: list[int], jobs: int, seconds: float) -> list[Watched]:
    """For each total of `steps`, what that many watchers of `jobs` running jobs get within `seconds`."""
    web, port = stack.web()
    running_create(world, jobs)
    browsers: list[subprocess.Popen[str]] = []
    found: list[Watched] = []
    writers = [_spawn(stack, "writing", str(share), str(WRITERS)) for share in range(WRITERS)]
    try:
        total = 0
        for step in steps:
            opening = []
            tokens, cursor = read_tokens(world, jobs), newest_event()
            for share in range(CLIENTS):
                count = (step - total) // CLIENTS
                browser = _spawn(stack, "watching", str(port), str(count), str(total + share * count), str(cursor))
                _say(browser, tokens + "\n")
                opening.append(browser)
            slowest = max(float(_hear(browser).split()[1]) for browser in opening)
            browsers += opening
            time.sleep(SETTLE_SECONDS)
            added, total = step - total, step
            process = psutil.Process(web.pid)
            process.cpu_percent()
            for browser in browsers:
                _say(browser, f"{seconds}\n")
            answers = [json.loads(_hear(browser)) for browser in browsers]
            cpu = process.cpu_percent()
            lags = [1000 * lag for answer in answers for lag in answer["lags"]] or [float("inf")]
            found.append(
                Watched(
                    watchers=total,
                    jobs=jobs,
                    opened_per_second=added / max(slowest, 0.001),
                    delivered_per_second=sum(answer["events"] for answer in answers) / seconds,
                    expected_per_second=float(total),
                    lost=sum(answer["lost"] for answer in answers),
                    p50=percentile(lags, 0.5),
                    p95=percentile(lags, 0.95),
                    p99=percentile(lags, 0.99),
                    cpu_percent=cpu,
                    megabytes=process.memory_info().rss / 1e6,
                )
            )
            print(f"  watchers: {found[-1]}", flush=True)
    finally:
        for process_ in (*writers, *browsers):
            assert process_.stdin is not None
            process_.stdin.close()
        behind = [json.loads(_hear(writer))["behind"] for writer in writers]
        for process_ in (*writers, *browsers):
            process_.terminate()
            process_.wait(timeout=20)
        stack.end(web)
        print(f"  writers were at most {max(behind):.2f} s behind their clock", flush=True)
    return found


def _spawn(stack: Stack, module: str, *arguments: str) -> subprocess.Popen[str]:
    argv = [sys.executable, "-m", f"tests.benchmarks.service.{module}", *arguments]
    return subprocess.Popen(
        argv, env=stack.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )


def _say(process: subprocess.Popen[str], text: str) -> None:
    assert process.stdin is not None
    process.stdin.write(text)
    process.stdin.flush()


def _hear(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise SystemExit("a process of watchers ended early")
    return line
