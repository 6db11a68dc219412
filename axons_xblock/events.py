"""What the block tells the platform's tracking log, beside `grade` and `completion`: these names and no others.

They are documented in docs/install-openedx.md. No request chooses a name: a browser could publish a grade otherwise.
The platform adds the person and the course; here are ids of the training service, and nothing that a person wrote.
"""

from __future__ import annotations

from typing import Any

from axons_xblock import compat

JOB_ORDERED = "axons.job.ordered"
MODEL_HANDED_IN = "axons.model.handed_in"
SUBMISSION_REVIEWED = "axons.submission.reviewed"
NAMES = (JOB_ORDERED, MODEL_HANDED_IN, SUBMISSION_REVIEWED)


def emit(block: Any, name: str, **data: str | None) -> None:
    """Have one of `NAMES` logged. A request that is repeated is logged again, with the same ids."""
    block.runtime.publish(block, name, {"usage": compat.usage_id(block), **data})
