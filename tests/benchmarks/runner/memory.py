"""`python -m tests.benchmarks.runner.memory [name …]`: the largest memory of a slot's process in each kind of job.

Every job runs in a process of its own, as warm as a slot's. WRITE=docs/performance.md writes the page's section; names
(`small_unet`, `prediction`, …) choose from the jobs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from axons_runner.process import prepare

prepare()  # before torch: what a slot's process does

from tests.benchmarks.pages import section_write  # noqa: E402
from tests.benchmarks.service.report import Machine, Table  # noqa: E402

PICTURES, HELD_BACK = 64, 12
THREADS = 2
MIB = 1 << 20
NOTES = """
Each job in a process of its own that is as warm as a slot's (float32, 2 threads, 64 pictures, one epoch, with its
validation and export): its resident memory before, and the largest during the job, by the kernel's own mark
(`VmHWM`). A runner needs the sum of its slots. What is not in the table: decoded pictures, 3 bytes a pixel (4 with a
mask), up to 1 GiB, beyond that a file; the embeddings of a frozen classifier, 5 kB a picture; models kept warm, up to
512 MiB. A job that needs more than there is ends as `out_of_memory` with what to try, and the runner goes on.
"""


@dataclass(frozen=True)
class Job:
    """One row of the table."""

    name: str
    task: str
    batch_size: int = 32
    classes: int = 3
    settings: Mapping[str, Any] = field(default_factory=dict)
    kind: str = "training"


JOBS = [
    Job("efficientnet_lite0, frozen", "classification", settings={"architecture": "efficientnet_lite0"}),
    *(
        Job(
            f"efficientnet_lite0, {how}", "classification",
            settings={"architecture": "efficientnet_lite0", "fine_tuning": how},
        )
        for how in ("partial", "full")
    ),
    Job("small_cnn", "classification", settings={"architecture": "small_cnn"}),
    Job(
        "prediction, efficientnet_lite0", "classification", 1,
        settings={"architecture": "efficientnet_lite0", "fine_tuning": "full"}, kind="inference",
    ),
    *(
        Job(f"lite0_lraspp, {how}", "segmentation", size, 3, {"architecture": "lite0_lraspp", "fine_tuning": how})
        for how, size in (("frozen", 32), ("full", 8), ("full", 32))
    ),
    *(
        Job("small_unet", "segmentation", size, classes, {"architecture": "small_unet"})
        for size, classes in ((8, 3), (32, 3), (32, 21))
    ),
    Job(
        "prediction, lite0_lraspp", "segmentation", 1,
        settings={"architecture": "lite0_lraspp", "fine_tuning": "full"}, kind="inference",
    ),
]  # fmt: skip


def main() -> int:
    wanted = sys.argv[1:]
    if wanted[:1] == ["--job"]:
        print(json.dumps(run(Job(**json.loads(wanted[1])))))
        return 0
    machine = Machine.look()
    columns = ["task", "job", "classes", "batch", "warm before, MiB", "largest, MiB", "the job's own, MiB"]
    table = Table("Memory of a slot's process", columns, load=os.getloadavg()[0])
    for job in JOBS:
        if wanted and not any(word in job.name for word in wanted):
            continue
        command = [sys.executable, "-m", "tests.benchmarks.runner.memory", "--job", json.dumps(asdict(job))]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        before, largest = json.loads(done.stdout.splitlines()[-1])
        row = (job.task, job.name, str(job.classes), str(job.batch_size))
        table.add(*row, *(f"{value / MIB:,.0f}" for value in (before, largest, largest - before)))
        print(" | ".join(table.rows[-1]), flush=True)
    text = ["## Memory of the runner", "", f"`python -m tests.benchmarks.runner.memory`. {machine.sentence}"]
    text += [NOTES.strip(), "", f"#{table.text()}"]
    if (target := os.environ.get("WRITE")) and not wanted:
        section_write(Path(target), "bench-memory", "\n".join(text))
        print(f"wrote {target}")
    return 0


def run(job: Job) -> tuple[int, int]:
    """Return (resident bytes before, largest resident bytes in the job) of this process."""
    from axons_runner.context import Context
    from axons_runner.engine import Engine
    from axons_runner.hyperparameters import Hyperparameters
    from axons_runner.modelfile import load_model, model_bytes
    from axons_runner.tasks import classification, segmentation
    from axons_runner.tuning import USUAL, Plans
    from tests.runner.drawn import SHAPES, drawn, load_masked, masked_pack
    from tests.runner.synthetic import hyperparameters, load_pack, make_pack

    task: Any = {"classification": classification, "segmentation": segmentation}[job.task]
    with tempfile.TemporaryDirectory(prefix="bench-memory-") as name:
        folder = Path(name)
        classes = SHAPES + [f"class {n}" for n in range(len(SHAPES), job.classes)]
        if job.task == "segmentation":
            source = load_masked(masked_pack(PICTURES, HELD_BACK, classes=classes), folder)
        else:
            source = load_pack(make_pack(-(-PICTURES // 3), HELD_BACK // 3), folder)
        Plans.measure = lambda self, *rest: USUAL  # type: ignore[method-assign]  # float32, as the table says
        engine = Engine(folder / "cache", THREADS)
        engine.warm_up()
        wanted = Hyperparameters.read(hyperparameters(epochs=1, batch_size=job.batch_size) | dict(job.settings))
        context = Context(Nobody(), folder)
        if job.kind == "training":
            before = mark()
            task.train_on(source, wanted, engine, context)
            return before, largest()
        card = task.model_card(source, wanted, engine, {})
        weights = model_bytes(task.begin_network(wanted, len(source.classes), engine), frozen=False)
        model = load_model(json.dumps(card).encode(), weights, engine.backbone)
        engine.model = lambda *_: model  # type: ignore[method-assign]
        before = mark()
        task.predict({"model": {"files": []}}, engine, context, picture=drawn(1)[0])
        return before, largest()


class Nobody:
    """A reporter that nobody listens to."""

    def event(self, kind: str, data: Mapping[str, Any]) -> None:
        """Say nothing."""

    def checkpoint(self, path: Path, step: int, epoch: int) -> None:
        """Keep nothing."""

    def stop_reason(self) -> None:
        """Never stop."""
        return


def mark() -> int:
    """Forget the largest memory so far and return the resident bytes of now."""
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def largest() -> int:
    """Return the largest resident bytes since the mark."""
    return _status("VmHWM")


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) * 1024


if __name__ == "__main__":
    sys.exit(main())
