"""Forking: a draft in the author's workshop that begins as a copy of a starter set of the library."""

from uuid import UUID

from django.db import transaction

from axons_service.exercises.models import Project
from axons_service.exercises.workshops import is_workshop
from axons_service.operations.problems import Problem
from axons_service.training_sets.models import TrainingSet
from axons_service.training_sets.selectors import library_rows
from axons_service.training_sets.services import version_add, version_lock, version_repeated


def training_set_fork(*, project: Project, course: str, base: UUID, idempotency_key: str) -> tuple[TrainingSet, bool]:
    """A version in the author's workshop that is what a starter set of the library is: it shares its pictures.

    Raises Problem 404 for a set that authors of this course cannot choose.
    """
    if not is_workshop(project):
        raise Problem(409, "not_a_workshop", "A copy of a starter set is made in the workshop. Open that first.")
    with transaction.atomic():
        version_lock(project)
        library = library_rows(project.exercise.site, course=course)
        found = library.filter(kind=TrainingSet.Kind.STARTER, pk=base).first()
        if found is None or found.state != TrainingSet.State.READY:
            raise Problem(404, "not_found", "There is no such starter set in the library of this course.")
        request = {"base": str(base), "forked": found.title}
        first = version_repeated(project, idempotency_key, request)
        if first is not None:
            return first, False
        if found.task != project.spec.body["task"]:
            sentence = f"“{found.title}” is a set for {found.task}. Say in the exercise that its model learns that."
            raise Problem(422, "task_differs", sentence)
        return version_add(project=project, parent=found, request=request, idempotency_key=idempotency_key), True
