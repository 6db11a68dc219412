"""The desk's and the class's pages with 10 and with 10,000 submissions: `python -m tests.benchmarks.desk`.

On the database of AXONS_TEST_DATABASE_URL (a test database is made in it, and dropped), else on SQLite. Prints for each
page the number of queries, the median milliseconds in the service over fifteen requests in turn, and their ratio.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

RUNS = 15
FEW, MANY = 10, 10_000


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.support.service_settings")
    import django

    django.setup()
    from django.test.utils import setup_databases, setup_test_environment, teardown_databases

    setup_test_environment()
    made = setup_databases(verbosity=0, interactive=False)
    try:
        measure()
    finally:
        teardown_databases(made, verbosity=0)


def measure() -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from tests.service.operations.test_lists import Filled, counts_known

    filled = Filled(world())
    asks: dict[str, Callable[[], Any]] = {
        "list, newest first": lambda: filled.grader.get("/submissions"),
        "list, lowest score first": lambda: filled.grader.get("/submissions", sort="score_low"),
        "list, needs review": lambda: filled.grader.get("/submissions", needs_review="true"),
        "the class at a glance": lambda: filled.grader.get("/overview"),
        "the class, one by one": lambda: filled.grader.get("/overview/learners"),
    }
    found: dict[int, dict[str, tuple[int, float]]] = {}
    for count in (FEW, MANY):
        filled.submissions(count)
        counts_known()
        times: dict[str, list[float]] = {name: [] for name in asks}
        queries: dict[str, int] = {}
        for run in range(RUNS + 1):
            for name, ask in asks.items():
                with CaptureQueriesContext(connection) as captured:
                    begun = time.perf_counter()
                    answer = ask()
                    took = time.perf_counter() - begun
                assert answer.status_code == 200, (name, answer.content)
                queries[name] = len(captured)
                if run:  # the first warms up
                    times[name].append(took * 1000)
        found[count] = {name: (queries[name], statistics.median(times[name])) for name in asks}
    print(f"{connection.vendor}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"{'page':28} {'queries':>9} {FEW:>8} ms {MANY:>8} ms {'ratio':>7}")
    for name in asks:
        (few, quick), (many, slow) = found[FEW][name], found[MANY][name]
        print(f"{name:28} {few:>4}/{many:<4} {quick:>8.1f} ms {slow:>8.1f} ms {slow / quick:>7.2f}")
    print(f"{'names joined in the LMS':28} {names_joined()}")


def names_joined() -> str:
    """What the LMS adds to a page of 50, in a class of 10,000; its tables are in memory."""
    argv = [sys.executable, "-m", "tests.xblock.roster_world"]
    kept = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    done = subprocess.run(argv, env={**kept, "PYTHONPATH": "."}, capture_output=True, text=True, check=True)
    large = json.loads(done.stdout)["a large class"]
    return f"{large['queries']:>9} {large['milliseconds']:>22.1f} ms"


def world() -> Any:
    """The world of the jobs' tests, outside pytest."""
    from tests.service import builders
    from tests.service.jobs.conftest import made_world

    lms = builders.lms()
    builders.pool()
    builders.library_set(lms.site, "hidden", "hidden-pets")
    return made_world(lms)


if __name__ == "__main__":
    main()
