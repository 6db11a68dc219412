"""`python -m tests.faults.chaos.runner`: the shipped agent, whose slots' children do shortened work instead of torch's.

Claim, heartbeat, cancel, checkpoints, uploads, finish and fencing are the shipped code. What is replaced is what a
child computes (`shortened`), because importing torch again after each of some hundred kills is all a machine would do.
"""

from __future__ import annotations

import dataclasses
import os
import sys
from types import SimpleNamespace

from axons_runner import cli, slots
from tests.faults.chaos import clock, shortened

if __name__ == "__main__":
    clock.sleep_under_faketime()
    if trainings := int(os.environ.get("CHAOS_TRAINING_SLOTS", "0")):
        parse = cli.parse
        many = ("training",) * trainings + ("inference",)
        cli.parse = lambda arguments: dataclasses.replace(parse(arguments), slots=many)
    slots.worker = SimpleNamespace(main=shortened.main)  # type: ignore[assignment]
    sys.exit(cli.main())
