"""What can end a job early: messages for the learner, classes by which the service decides what comes next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

FailureClass = Literal["infrastructure", "no_capacity", "out_of_memory", "invalid_input", "time_limit", "cancelled"]
StopReason = Literal["cancel", "release", "time_limit"]

OUT_OF_MEMORY_EXIT = 71  # of a process that can say it only by its end
OUR_FAULT = "Something broke on our side. Your work is safe and your attempt was not used."
NO_MEMORY = "The job needed more memory than this machine has. Try a smaller batch size or fewer pictures."
NO_MEMORY_FOR_MASKS = (
    "The job needed more memory than this machine has: segmentation keeps a figure for every pixel and class of a "
    "batch. Try half the batch size, fewer classes, or, if it is not the one you have, the small U-Net."
)
NO_MEMORY_FOR_MODEL = "This model needed more memory than this machine has. Train one with a smaller network or batch."


def no_memory(assignment: Mapping[str, Any]) -> str:
    """Return what to try when this job ran out of memory."""
    if assignment.get("kind", "training") != "training":
        return NO_MEMORY_FOR_MODEL
    return NO_MEMORY_FOR_MASKS if assignment.get("task") == "segmentation" else NO_MEMORY


class JobFailure(Exception):
    """The job cannot succeed; carries the failure class and the sentence the learner reads."""

    def __init__(self, failure_class: FailureClass, message: str) -> None:
        super().__init__(message)
        self.failure_class: FailureClass = failure_class
        self.message = message


class InvalidInput(JobFailure):
    """What the learner or author gave cannot be used; the message says what and why."""

    def __init__(self, message: str) -> None:
        super().__init__("invalid_input", message)


class Infrastructure(JobFailure):
    """Our fault, worth another attempt; ``detail`` goes to the runner's log, not to the learner."""

    def __init__(self, detail: str) -> None:
        super().__init__("infrastructure", OUR_FAULT)
        self.detail = detail


class Stopped(Exception):
    """The job was asked to stop, and did."""

    def __init__(self, reason: StopReason) -> None:
        super().__init__(reason)
        self.reason: StopReason = reason


class Superseded(Exception):
    """The job belongs to another attempt, or the service no longer knows this one: stop at once, write no more."""


class Unavailable(Exception):
    """No usable answer from the service or the object store; the same request may be sent again."""


class Rejected(Exception):
    """The service understood the request and refused it; sending it again changes nothing."""
