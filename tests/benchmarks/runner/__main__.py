"""`python -m tests.benchmarks.runner [loop training throughput inference]`: the runner's figures.

QUICK=1 checks the script on few pictures; WRITE=docs/performance.md writes the page's section.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from axons_runner.process import prepare

prepare()  # before torch: what a slot's process does

from axons_runner.settings import DEFAULT_THREADS  # noqa: E402
from tests.benchmarks.pages import section_write  # noqa: E402
from tests.benchmarks.runner.measures import QUICK, Bench, Sizes  # noqa: E402
from tests.benchmarks.service.report import Machine  # noqa: E402

MEASURES = ("loop", "training", "throughput", "inference")
NOTES = """
Composed photographs: the held-back ones show the same objects on other backgrounds. The naive script
(`tests/benchmarks/runner/naive.py`) is ImageFolder, DataLoader, AdamW in float32, batches of 32, all threads, without
settings of the machine; its clock starts with its process and stands still while it looks at the held-back pictures.
Ours starts at the claim and includes everything; the runs alternate. A runner's
accuracy is that of all held-back photographs. (d) drives the runner's loop over all layers, decoding meanwhile. (a) and
(e) are pairs in turn: the ratio is the median of the pairs' ratios, not the ratio of the medians.
"""


def main() -> int:
    is_quick = os.environ.get("QUICK") == "1"
    wanted = sys.argv[1:] or MEASURES
    if unknown := set(wanted) - set(MEASURES):
        raise SystemExit(f"Unknown: {', '.join(sorted(unknown))}. Choose from {', '.join(MEASURES)}.")
    how = "**Quick sizes: they check the script and promise nothing.**" if is_quick else "Medians of three runs."
    machine = Machine.look()
    text = ["## The runner", "", f"Written by `make bench-runner`. {how} {machine.sentence}", NOTES.strip()]
    with tempfile.TemporaryDirectory(prefix="bench-runner-") as folder:
        bench = Bench(QUICK if is_quick else Sizes(), Path(folder), DEFAULT_THREADS)
        for name in wanted:
            table = getattr(bench, name)().text()
            text += ["", f"#{table}"]  # one level below the section's title
            print(f"\n{table}", flush=True)
    target = os.environ.get("WRITE")
    if target and list(wanted) == list(MEASURES):
        section_write(Path(target), "bench-runner", "\n".join(text))
        print(f"bench-runner: wrote {target}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
