"""The tables, and the page `docs/performance.md` that they make."""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

INTRODUCTION = """# Performance of the service

Written by `make bench-service WRITE=docs/performance.md`. Everything is real: PostgreSQL with `fsync` and
`synchronous_commit` on, RabbitMQ quorum queues with confirms, SeaweedFS, uvicorn, a Celery worker of two processes.
Requests go over HTTP with a freshly signed token each; the clients, the servers and the service share the machine.
Figures are medians of three runs, watchers and lists of one.

"""
NOTES = """
## How to read it

- **Submit → claim** is the time from sending `POST /api/v1/jobs` to a long-polling runner having its assignment: two
  signed requests, three commits that wait for the disk, one message through a quorum queue, one `NOTIFY`.
- **Submissions** are answered with the place in the queue, which is worked out from the jobs that wait: they get slower
  as the queue grows. The worker dispatches them on the same two cores meanwhile.
- **Claims** sort the narrow rows of all waiting jobs by the rule of fairness and lock one of them.
- **Watchers** are held by one process and one query; other processes write the events, each in its own transaction.
  The lag is from just before the write to the bytes in the browser's socket.
- More processes of uvicorn behind one address share the requests; each holds its own watchers and asks its own tail
  query.
"""


@dataclass
class Machine:
    """What was measured on."""

    sentence: str

    @staticmethod
    def look() -> Machine:
        info = Path("/proc/cpuinfo")
        names = [
            line.partition(":")[2].strip()
            for line in (info.read_text().splitlines() if info.exists() else [])
            if line.startswith("model name")
        ]
        processor = names[0] if names else platform.processor() or platform.machine()
        load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
        return Machine(
            f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} x {processor}, {platform.system()}, "
            f"Python {sys.version.split()[0]}; load average before: {load}."
        )


@dataclass
class Table:
    """One measurement at several loads."""

    title: str
    columns: list[str]
    target: str = ""
    rows: list[tuple[str, ...]] = field(default_factory=list)
    load: float = 0.0

    def add(self, *cells: str) -> None:
        self.rows.append(cells)

    def text(self) -> str:
        """As Markdown, which also reads well in a terminal."""
        target = f"Target: {self.target}. " if self.target else ""
        lines = [
            f"## {self.title}",
            f"{target}Load average before: {self.load:.1f}.",
            "",
            f"| {' | '.join(self.columns)} |",
            "|" + "---:|" * len(self.columns),
            *(f"| {' | '.join(row)} |" for row in self.rows),
        ]
        return "\n".join(lines)


def page(machine: Machine, tables: list[Table]) -> str:
    """The whole page."""
    return INTRODUCTION + machine.sentence + "\n\n" + "\n\n".join(table.text() for table in tables) + "\n" + NOTES
