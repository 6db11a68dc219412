"""Every measurement at several loads, each more than once where that is cheap, and the table that they make."""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.benchmarks.service import answers, loads, servers, watchers
from tests.benchmarks.service.http import percentile
from tests.benchmarks.service.report import Machine, Table, page
from tests.benchmarks.service.stack import Stack
from tests.benchmarks.service.world import (
    World,
    jobs_create,
    jobs_forget,
    running_create,
    submissions_create,
    submissions_forget,
    world_create,
)


@dataclass
class Plan:
    """How much is measured."""

    seconds: float = 6.0
    runs: int = 3
    samples: int = 120
    rates: tuple[tuple[float, int], ...] = ((2, 1), (5, 2), (10, 4))
    clients: tuple[int, ...] = (1, 4, 8)
    waiting: tuple[int, ...] = (200, 2000, 10_000)
    submissions: tuple[int, ...] = (100, 1000, 10_000)
    watchers: list[int] = field(default_factory=lambda: [1000, 2500, 5000, 7500])
    jobs: int = 500
    watch_seconds: float = 20.0


QUICK = Plan(
    seconds=1.5,
    runs=1,
    samples=15,
    rates=((4, 1),),
    clients=(2,),
    waiting=(200,),
    submissions=(100,),
    watchers=[100],
    jobs=50,
    watch_seconds=4.0,
)


class Bench:
    """The running stack and what was measured with it."""

    def __init__(self, stack: Stack, plan: Plan) -> None:
        self.stack, self.plan = stack, plan
        self.world: World = world_create(max(plan.jobs, 200))
        _, self.port = stack.web()
        stack.worker()

    def median(self, measure: Callable[[], float]) -> float:
        """The median of several runs, each on a service without jobs."""
        found = []
        for _ in range(self.plan.runs):
            found.append(measure())
            jobs_forget()
        return statistics.median(found)

    def latency(self) -> Table:
        table = Table(
            "Submit → claim by a warm runner", ["submissions/s", "runners", "p50", "p99"], "p50 ≤ 50 ms, p99 ≤ 250 ms"
        )
        for rate, runners in self.plan.rates:
            found = []
            for _ in range(self.plan.runs):
                found.append(
                    loads.submit_to_claim(self.port, self.world, rate=rate, count=self.plan.samples, runners=runners)
                )
                jobs_forget()
            p50 = statistics.median(each.p50 for each in found)
            p99 = statistics.median(each.p99 for each in found)
            table.add(f"{rate:g}", str(runners), f"{p50:.0f} ms", f"{p99:.0f} ms")
        return table

    def submissions(self) -> Table:
        table = Table("Submissions", ["waiting before", "clients", "submissions/s"])
        for waiting in (0, self.plan.waiting[-1]):
            for clients in self.plan.clients:

                def measure(waiting: int = waiting, clients: int = clients) -> float:
                    jobs_create(self.world, waiting)
                    return loads.submissions_per_second(self.port, self.world, clients, self.plan.seconds)

                table.add(f"{waiting:,}", str(clients), f"{self.median(measure):.0f}")
        return table

    def claims(self) -> Table:
        table = Table("Claims", ["waiting", "runners", "claims/s"])
        for waiting in self.plan.waiting:
            for clients in self.plan.clients:

                def measure(waiting: int = waiting, clients: int = clients) -> float:
                    jobs_create(self.world, waiting)
                    return loads.claims_per_second(self.port, clients, min(self.plan.seconds, waiting / 100))

                table.add(f"{waiting:,}", str(clients), f"{self.median(measure):.0f}")
        return table

    def events(self) -> Table:
        table = Table("Event batches (two events and a piece of log each)", ["running jobs", "clients", "batches/s"])
        for clients in self.plan.clients:

            def measure(clients: int = clients) -> float:
                held = running_create(self.world, 200)
                return loads.batches_per_second(self.port, held, clients, self.plan.seconds)

            table.add("200", str(clients), f"{self.median(measure):.0f}")
        return table

    def list(self) -> Table:
        columns = ["submissions", "first page", "later pages", "queries"]
        table = Table("The staff's list of submissions, 50 a page", columns, "≤ 100 ms, the same queries")
        for count in self.plan.submissions:
            submissions_create(self.world, count)
            first, later, queries = loads.list_milliseconds(self.port, self.world, 2 if count <= 100 else 10)
            table.add(f"{count:,}", f"{first:.0f} ms", f"{later:.0f} ms", str(queries))
            submissions_forget()
            jobs_forget()
        return table

    def watchers(self) -> Table:
        columns = ["watchers", "events/s delivered", "p50", "p95", "p99", "opened/s", "one core", "memory", "lost"]
        title = f"Watchers of {self.plan.jobs} running jobs in one process, an event a second each"
        table = Table(title, columns, "≥ 5,000 with p95 ≤ 1 s")
        plan = self.plan
        for seen in watchers.watch(self.stack, self.world, plan.watchers, plan.jobs, plan.watch_seconds):
            table.add(
                f"{seen.watchers:,}",
                f"{seen.delivered_per_second:,.0f} of {seen.watchers:,}",
                f"{seen.p50:.0f} ms",
                f"{seen.p95:.0f} ms",
                f"{seen.p99:.0f} ms",
                f"{seen.opened_per_second:.0f}",
                f"{seen.cpu_percent:.0f} %",
                f"{seen.megabytes:.0f} MB",
                str(seen.lost),
            )
        jobs_forget()
        return table

    def broker(self) -> Table:
        columns = ["publishers", "confirmed/s", "taken and acknowledged/s by one consumer"]
        table = Table("Messages of a durable quorum queue", columns)
        for clients in self.plan.clients:
            put, taken = servers.messages_per_second(
                self.stack.environment["AXONS_BROKER_URL"], clients, self.plan.seconds
            )
            table.add(str(clients), f"{put:.0f}", f"{taken:.0f}")
        return table

    def store(self) -> Table:
        table = Table("Objects of 100 kB", ["clients", "written/s", "read/s"])
        for clients in self.plan.clients:
            written, read = servers.objects_per_second(clients, self.plan.seconds)
            table.add(str(clients), f"{written:.0f}", f"{read:.0f}")
        return table

    def answers(self) -> Table:
        columns = ["part", "p50", "p99"]
        table = Table("Click → answer: one picture, an idle warm runner, with Grad-CAM", columns, "p50 ≤ 100 ms")
        found = answers.answers(self.stack, self.world, self.port, self.plan.samples)
        parts = {
            "its place is promised": [each.placed for each in found],
            "the picture is in the store": [each.stored for each in found],
            "the answer is read": [each.answered for each in found],
        }
        for part, milliseconds in parts.items():
            table.add(part, f"{statistics.median(milliseconds):.0f} ms", f"{percentile(milliseconds, 0.99):.0f} ms")
        jobs_forget()
        return table


PARTS = ("latency", "submissions", "claims", "events", "list", "broker", "store", "watchers", "answers")


def measure(stack: Stack, *, is_quick: bool, only: list[str]) -> str:
    """Measure everything, or the parts named in `only`; print each table as it comes. The page with all of them."""
    unknown = set(only) - set(PARTS)
    if unknown:
        raise SystemExit(f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    machine = Machine.look()
    print(machine.sentence, flush=True)
    bench = Bench(stack, QUICK if is_quick else Plan())
    tables: list[Table] = []
    for part in only or PARTS:
        before = os.getloadavg()[0]
        table: Table = getattr(bench, part)()
        table.load = before
        tables.append(table)
        print(f"\n{table.text()}", flush=True)
    return page(machine, tables)
