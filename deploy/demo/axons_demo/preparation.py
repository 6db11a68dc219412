"""What is done before the service serves: tables, the site, the pool, and the library of sets and models."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from axons_demo.errors import DemoError
from axons_demo.home import REPOSITORY
from axons_demo.processes import log_tail
from axons_demo.programs import Plan

SITE = "demo"
KEY_ID = "demo-1"
OBJECTS, GARDEN = (REPOSITORY / "course_content" / "datasets" / name for name in ("everyday_objects", "garden_bed"))
SETS = [OBJECTS, GARDEN]
MODELS = REPOSITORY / "course_content" / "models"


def run(plan: Plan, name: str, argv: list[str], environment: dict[str, str], directory: Path) -> str:
    """Run a command to its end. Raises DemoError with its last lines when it fails; returns what it printed."""
    log = plan.home.logs / f"{name}.log"
    done = subprocess.run(
        argv, env=environment, cwd=directory, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    with log.open("a") as handle:
        handle.write(f"$ {' '.join(argv[1:])}\n{done.stdout}{done.stderr}")
    if done.returncode != 0:
        raise DemoError(f"`{' '.join(argv[2:4])}` failed. Its log is {log}:\n{log_tail(log)}")
    return done.stdout.strip()


def service_commands(plan: Plan, *commands: list[str]) -> list[str]:
    """Run management commands of the service, in one process. Returns the last line of each."""
    argv = [sys.executable, "-m", "axons_demo.commands", json.dumps(commands)]
    environment = {**plan.service_environment(), "PYTHONPATH": str(REPOSITORY / "deploy" / "demo")}
    return run(plan, "service_setup", argv, environment, plan.home.service).splitlines()


def set_up_service(plan: Plan) -> str:
    """Tables; the demo LMS as a site with its key; one pool of one warm CPU runner; the bucket."""
    origins = [argument for origin in plan.origins for argument in ("--origin", origin)]
    service_commands(
        plan,
        ["migrate", "--verbosity", "0"],
        [
            "site_register", "--slug", SITE, "--name", "Demo LMS", "--key-id", KEY_ID,
            "--public-key-file", str(plan.keys.site_public), "--callback-host", f"127.0.0.1:{plan.ports.lms}", *origins,
        ],
        [
            "pool_register", "--name", "cpu", "--title", "This computer", "--provider", "local",
            "--min-runners", "1", "--max-runners", "1", "--token-file", str(plan.home.keys / "pool_token"),
        ],
        ["storage_prepare"],
    )  # fmt: skip
    return "tables, site, pool and bucket"


def import_library(plan: Plan) -> str:
    """The starter sets, the hidden test sets and the supplied models. Idempotent."""
    sets = [folder / role for folder in SETS for role in ("starter", "hidden")]
    models = sorted(path.parent for path in MODELS.glob("*/model.json"))
    lines = service_commands(
        plan,
        *(["library_import", "--site", SITE, "--path", str(path)] for path in sets),
        *(["model_import", "--site", SITE, "--path", str(path)] for path in models),
    )
    return "; ".join(lines)


def prepare_lms(plan: Plan) -> str:
    argv = [sys.executable, "-m", "django", "prepare_lms"]
    return run(plan, "lms_setup", argv, plan.lms_environment(), plan.home.lms).splitlines()[-1]
