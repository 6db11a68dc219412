"""What an operator may do from the page: each action asks first, goes through a service, and is written down."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db.models import Model

from axons_service.compute.models import Runner
from axons_service.compute.services import runner_stop
from axons_service.grading.dead_grades import grade_forget
from axons_service.grading.delivery import grade_retry
from axons_service.grading.models import GradeDelivery
from axons_service.jobs.models import Job
from axons_service.jobs.services import attempt_release, job_cancel, job_dispatch
from axons_service.jobs.states import HELD, TERMINAL, State
from axons_service.operations.dead_letters import DeadLetter, dead_letters, dead_letters_drop, dead_letters_replay


@dataclass(frozen=True)
class Action:
    """Something that can be done to one thing. `act` says whether it was done here."""

    name: str
    title: str  # of the button
    permission: str
    warning: str  # what will happen, asked before
    done: str  # written into the log
    find: Callable[[str], Any]
    act: Callable[[Any], bool]


class NotThere(Exception):
    """There is no such thing, or it is not there any more."""


def _row(model: type[Model]) -> Callable[[str], Any]:
    def find(pk: str) -> Any:
        try:
            return model._default_manager.get(pk=pk)
        except (ObjectDoesNotExist, ValueError, ValidationError):
            raise NotThere from None

    return find


def _letter(pk: str) -> DeadLetter:
    for letter in dead_letters():
        if letter.id == pk:
            return letter
    raise NotThere


def job_give_up(job: Job) -> bool:
    """Cancel, as the learner's own button does."""
    if State(job.state) in TERMINAL or job.cancel_requested:
        return False
    job_cancel(job_id=job.pk)
    return True


def job_requeue(job: Job) -> bool:
    """End a held job's attempt, whose runner then hears 409, or dispatch a queued one again."""
    if State(job.state) in HELD:
        attempt_release(job_id=job.pk, number=job.attempt, message="given back by an operator")
        return True
    return State(job.state) == State.QUEUED and job_dispatch(job_id=job.pk)


ACTIONS = {
    action.name: action
    for action in (
        Action(
            "cancel", "Cancel", "axons_jobs.change_job",
            "The job ends without a result, as if its learner had stopped it. It costs them no try.",
            "Job cancelled", _row(Job), job_give_up,
        ),
        Action(
            "retry", "Try again", "axons_jobs.change_job",
            "What a runner holds is taken from it and goes on from the last checkpoint; what waits is dispatched anew. "
            "It costs the learner nothing.",
            "Job given back to the queue", _row(Job), job_requeue,
        ),
        Action(
            "stop", "Stop", "axons_compute.change_runner",
            "The machine gives its job back and goes. The pool starts another one when its work asks for it.",
            "Machine stopped", _row(Runner), lambda runner: runner_stop(runner_id=runner.pk),
        ),
        Action(
            "grade_replay", "Send again", "axons_grading.change_gradedelivery",
            "The grade is sent to the LMS again, now.",
            "Delivery retried", _row(GradeDelivery), lambda grade: grade_retry(delivery_id=grade.pk),
        ),
        Action(
            "grade_drop", "Drop", "axons_grading.change_gradedelivery",
            "The LMS never gets this grade. The learner sees the score in the exercise only.",
            "Delivery dropped", _row(GradeDelivery), lambda grade: grade_forget(delivery_id=grade.pk),
        ),
        Action(
            "task_replay", "Send again", "axons_jobs.change_job",
            "The task goes back to its queue. Mend first what killed its workers.",
            "Dead letter sent again", _letter,
            lambda letter: bool(dead_letters_replay(lambda each: each.id == letter.id)),
        ),
        Action(
            "task_drop", "Drop", "axons_jobs.change_job",
            "The task is forgotten. What the reconciler looks after is done later all the same.",
            "Dead letter dropped", _letter,
            lambda letter: bool(dead_letters_drop(lambda each: each.id == letter.id)),
        ),
    )
}  # fmt: skip


def name_of(thing: Any) -> str:
    """What a person calls it."""
    match thing:
        case Job():
            return f"Job {thing.pk}"
        case GradeDelivery():
            return f"Grade {thing.pk}"
        case Runner():
            return f"Machine {thing.name}"
    return str(thing.task)


def written_down(*, user_id: int, thing: Any, text: str) -> None:
    """Who did what to what, in the admin's log. A dead task has no row: its id and name are kept."""
    is_row = isinstance(thing, Model)
    LogEntry.objects.create(
        user_id=user_id,
        content_type=ContentType.objects.get_for_model(type(thing)) if is_row else None,
        object_id=str(thing.pk if is_row else thing.id),
        object_repr=name_of(thing)[:200],
        action_flag=CHANGE,
        change_message=text,
    )
