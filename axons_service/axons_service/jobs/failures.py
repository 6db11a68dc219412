"""Failure classes: which are tried again, and the sentence that the learner reads. Pure."""

from dataclasses import dataclass
from enum import StrEnum


class FailureClass(StrEnum):
    INFRASTRUCTURE = "infrastructure"
    NO_CAPACITY = "no_capacity"
    OUT_OF_MEMORY = "out_of_memory"
    INVALID_INPUT = "invalid_input"
    TIME_LIMIT = "time_limit"
    CANCELLED = "cancelled"
    HELD_BACK = "held_back"


SENTENCES: dict[FailureClass, str] = {
    FailureClass.INFRASTRUCTURE: "Something broke on our side. Our fault: your try was not used. Start it again.",
    FailureClass.NO_CAPACITY: "No machine was free in time. Our fault: your try was not used. Start it again later.",
    FailureClass.OUT_OF_MEMORY: (
        "The model did not fit into the machine's memory. Choose a smaller batch size and start it again."
    ),
    FailureClass.INVALID_INPUT: "The pictures or settings of this job could not be used.",
    FailureClass.TIME_LIMIT: "The job reached its time limit and was stopped. Choose fewer epochs or fewer pictures.",
    FailureClass.CANCELLED: "You cancelled this job.",
    FailureClass.HELD_BACK: (
        "The limit of your course, or compute minutes that are used up, kept this job from starting for 35 days, so it "
        "was given up. Your try was not used. Ask your educator for more, and start it again."
    ),
}

# Whose message a learner may read as it is: the runner writes these for people. Those of our own faults name
# hosts, keys and stack frames, and stay with the attempt.
SPOKEN = frozenset({FailureClass.INVALID_INPUT, FailureClass.OUT_OF_MEMORY, FailureClass.TIME_LIMIT})

# What a runner may say of its attempt. That a job never started is no runner's to say.
REPORTED = tuple(each for each in FailureClass if each is not FailureClass.HELD_BACK)

RETRY_DELAYS_SECONDS = (1.0, 10.0, 60.0)


@dataclass(frozen=True)
class Retry:
    """Seconds before each further attempt. `unending`: the last delay goes on until the job's own deadline."""

    delays: tuple[float, ...]
    unending: bool = False


# Only faults of ours are tried again: what the learner has to change would fail the same way.
RETRIES: dict[FailureClass, Retry | None] = {
    FailureClass.INFRASTRUCTURE: Retry(RETRY_DELAYS_SECONDS),
    FailureClass.NO_CAPACITY: Retry((10.0, 30.0, 60.0), unending=True),
    FailureClass.OUT_OF_MEMORY: None,
    FailureClass.INVALID_INPUT: None,
    FailureClass.TIME_LIMIT: None,
    FailureClass.CANCELLED: None,
    FailureClass.HELD_BACK: None,
}


RETRIED = frozenset(name for name, retry in RETRIES.items() if retry is not None)  # faults of ours


def sentence(failure_class: FailureClass, runner_message: str = "") -> str:
    """What the learner reads."""
    return (
        runner_message.strip()[:1000]
        if failure_class in SPOKEN and runner_message.strip()
        else SENTENCES[failure_class]
    )


def retry_delay(failure_class: FailureClass, faults: int) -> float | None:
    """Seconds before the next attempt after the `faults`-th fault of this class; None when the job has failed."""
    retry = RETRIES[failure_class]
    if retry is None:
        return None
    if faults > len(retry.delays):
        return retry.delays[-1] if retry.unending else None
    return retry.delays[faults - 1]
