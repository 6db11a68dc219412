"""The workshop: where an author makes sets for the library.

It is a project of its own, with a spec that no exercise can have. What students do in the exercise never meets it, and
neither does what the author tries out there.
"""

from typing import Any

from axons_service.exercises.models import Exercise, Project, Spec
from axons_service.exercises.specs import spec_hash
from axons_service.exercises.task_types import CLASSIFICATION
from axons_service.operations.problems import Problem
from axons_service.sites.callers import Caller

WORKSHOP = "workshop"


def workshop_spec(task: str) -> dict[str, Any]:
    """Pictures of any kind and number, classes as the author names them; nothing to train and nothing to hand in."""
    return {
        "version": 1,
        "kind": WORKSHOP,
        "task": task,
        "starter_set": None,
        "hidden_test_set": None,
        "model": None,
        "own_pictures": True,
        "architectures": [],
        "hyperparameters": {},
        "pool": "",
        "time_limit_minutes": 1,
        "max_tries": 0,
        "grading": None,
    }


def is_workshop(project: Project) -> bool:
    """Whether the project, which comes with its spec, is an author's workshop."""
    return bool(project.spec.body["kind"] == WORKSHOP)


def workshop_open(*, caller: Caller, task: str | None) -> Project:
    """The caller's workshop at their exercise, made at the first call, about this task from now on (None: as it is).

    Raises Problem 409 when this person's project here is one in which the exercise is done: the LMS asks for the
    workshop under an id of its own.
    """
    body = workshop_spec(task or CLASSIFICATION)
    spec, _ = Spec.objects.get_or_create(site=caller.site, hash=spec_hash(body), defaults={"body": body})
    exercise, _ = Exercise.objects.get_or_create(
        site=caller.site, usage_key=caller.usage, defaults={"course_key": caller.course}
    )
    project, _ = Project.objects.select_related("spec").get_or_create(
        exercise=exercise, learner=caller.learner, defaults={"spec": spec, "is_staff": True}
    )
    if not is_workshop(project):
        raise Problem(409, "not_a_workshop", "Open the workshop under an id of its own: this one has a project here.")
    if task is not None:
        Project.objects.filter(pk=project.pk).exclude(spec=spec).update(spec=spec)
    return Project.objects.select_related("exercise__site", "spec", "allowance").get(pk=project.pk)
