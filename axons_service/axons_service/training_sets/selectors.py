"""Reads of training sets and uploads. A hidden test set comes out of `library_set` only, never to a learner."""

from collections.abc import Iterable
from uuid import UUID

from django.db.models import Q

from axons_service.exercises.models import Project
from axons_service.operations.problems import Problem
from axons_service.sites.callers import Caller
from axons_service.sites.models import Site
from axons_service.training_sets.models import TrainingSet, Upload


def library_set(site: Site, *, kind: str, name: str) -> TrainingSet | None:
    """The newest ready version of a starter or hidden set."""
    found = TrainingSet.objects.filter(
        site=site, project__isnull=True, kind=kind, name=name, state=TrainingSet.State.READY
    )
    return found.order_by("-version").first()


def library_sets(site: Site, *, kind: str) -> list[TrainingSet]:
    """The newest ready version of each set of this kind, by title."""
    newest: dict[str, TrainingSet] = {}
    found = TrainingSet.objects.filter(site=site, project__isnull=True, kind=kind, state=TrainingSet.State.READY)
    for each in found.defer("report", "credits", "shards", "request").order_by("version"):
        newest[each.name] = each
    return sorted(newest.values(), key=lambda each: (each.title, each.name))


def project_training_sets(project: Project, *, limit: int = 50) -> list[TrainingSet]:
    """The project's own sets, newest first."""
    return list(TrainingSet.objects.filter(project=project).order_by("-version")[:limit])


def training_set_for(caller: Caller, training_set_id: UUID) -> TrainingSet:
    """The set, if the caller may see it: one of a project of theirs (of their exercise, for staff) or its starter set.

    Raises Problem 404 otherwise; hidden test sets are never found here.
    """
    visible = TrainingSet.objects.select_related("project__exercise").filter(site=caller.site, pk=training_set_id)
    own = Q(project__exercise__usage_key=caller.usage, project__exercise__site=caller.site)
    if caller.project is not None:
        own &= Q(project=caller.project)
    if not caller.is_staff:
        own &= Q(project__learner=caller.learner)
    starter = Q(project__isnull=True, kind=TrainingSet.Kind.STARTER, name__in=_starter_names(caller))
    found = visible.filter(own | starter).exclude(kind=TrainingSet.Kind.HIDDEN).first()
    if found is None:
        raise Problem(404, "not_found", "There is no such training set, or it is not yours.")
    return found


def usable_base(project: Project, base_id: UUID) -> TrainingSet:
    """A ready set that a new version in this project may grow from: its own, or the exercise's starter set."""
    name = project.spec.body.get("starter_set")
    starter = Q(project__isnull=True, kind=TrainingSet.Kind.STARTER, name=name) if name else Q(pk__in=[])
    found = TrainingSet.objects.filter(site_id=project.exercise.site_id, pk=base_id)
    base = found.filter(Q(project=project) | starter).first()
    if base is None:
        raise Problem(404, "not_found", "There is no such training set in this exercise.")
    if base.state != TrainingSet.State.READY:
        raise Problem(409, "training_set_not_ready", "This training set is not ready yet. Wait for it, then try again.")
    return base


def fixed_classes(project: Project, starter: TrainingSet | None) -> list[str]:
    """The classes that every training set of this exercise must have; empty when learners may choose them.

    The starter set decides, else the hidden test set: a model with other classes could never be scored.
    """
    decides = starter
    name = project.spec.body.get("hidden_test_set")
    if decides is None and name:
        decides = library_set(project.exercise.site, kind=TrainingSet.Kind.HIDDEN, name=name)
    return list(decides.classes) if decides is not None else []


def uploads_of(project: Project, ids: Iterable[UUID], *, purpose: str) -> dict[UUID, Upload]:
    """The project's uploads with these ids; others are simply not there."""
    return {upload.pk: upload for upload in Upload.objects.filter(project=project, pk__in=list(ids), purpose=purpose)}


def uploads_waiting(
    project: Project, *, purpose: str, after: UUID | None, limit: int
) -> tuple[list[Upload], str | None]:
    """A page of the project's uploads that nothing has taken, and the cursor of the next; a failed set took nothing."""
    free = Q(taken_by__isnull=True) | Q(taken_by__state=TrainingSet.State.FAILED)
    found = Upload.objects.filter(free, project=project, purpose=purpose).order_by("pk")
    if after is not None:
        found = found.filter(pk__gt=after)
    page = list(found[: limit + 1])
    return page[:limit], str(page[limit - 1].pk) if len(page) > limit else None


def _starter_names(caller: Caller) -> list[str]:
    """Names of the starter sets of the caller's exercise; for staff, those of any learner's project in it."""
    projects = Project.objects.filter(exercise__site=caller.site, exercise__usage_key=caller.usage)
    if not caller.is_staff:
        projects = projects.filter(learner=caller.learner)
    return [name for name in projects.values_list("spec__body__starter_set", flat=True).distinct() if name]
