"""Reads of training sets and uploads. A hidden test set comes out of `library_set` only, never to a learner."""

from collections.abc import Iterable
from uuid import UUID

from django.db.models import Q, QuerySet

from axons_service.exercises.models import Project
from axons_service.exercises.workshops import is_workshop
from axons_service.operations.cursors import cursor_read, cursor_sign
from axons_service.operations.problems import Problem
from axons_service.sites.callers import Caller
from axons_service.sites.models import Site
from axons_service.training_sets.models import Export, LeakageCheck, TrainingSet, Upload
from axons_service.training_sets.set_names import any_version, is_version, named


def library_set(site: Site, *, kind: str, name: str) -> TrainingSet | None:
    """The ready version of a starter or hidden set that a spec means by this name (`set_names`)."""
    found = TrainingSet.objects.filter(
        named(name), site=site, project__isnull=True, kind=kind, state=TrainingSet.State.READY
    )
    return found.order_by("-version").first()


def library_rows(site: Site, *, course: str) -> QuerySet[TrainingSet]:
    """The library as authors of a course see it: sets of the whole site, and those that their course published."""
    return TrainingSet.objects.filter(Q(course_key="") | Q(course_key=course), site=site, project__isnull=True)


def library_sets(site: Site, *, kind: str, course: str) -> list[TrainingSet]:
    """The newest ready version of each set of this kind that authors of the course may choose, by title."""
    newest: dict[str, TrainingSet] = {}
    found = library_rows(site, course=course).filter(kind=kind, state=TrainingSet.State.READY)
    for each in found.defer("report", "credits", "shards", "request").order_by("version"):
        newest[each.name] = each
    return sorted(newest.values(), key=lambda each: (each.title, each.name))


def project_training_sets(project: Project, *, limit: int = 50) -> list[TrainingSet]:
    """The project's own sets, newest first."""
    return list(TrainingSet.objects.filter(project=project, trash__isnull=True).order_by("-version")[:limit])


def leakage_page(caller: Caller, *, cursor: str | None, limit: int) -> tuple[list[LeakageCheck], str | None]:
    """What staff may know of their exercise: checks that found something, newest first, and the next cursor."""
    if not caller.is_staff:
        raise Problem(403, "staff_only", "Only course staff may do this.")
    found = LeakageCheck.objects.filter(
        Q(exact__gt=0) | Q(near__gt=0),
        training_set__project__exercise__site=caller.site,
        training_set__project__exercise__usage_key=caller.usage,
    )
    of = f"leakage:{caller.site.pk}:{caller.usage}"
    if cursor is not None:
        found = found.filter(pk__lt=cursor_read(cursor, of=of)[0])
    page = list(
        found.select_related("training_set__project__exercise", "training_set__starter", "training_set__site")
        .defer("training_set__report", "training_set__request")
        .order_by("-pk")[: limit + 1]
    )
    following = cursor_sign([page[limit - 1].pk], of=of) if len(page) > limit else None
    return page[:limit], following


def export_for(caller: Caller, export_id: UUID) -> Export:
    """The export, if the caller may see its training set; else Problem 404."""
    export = Export.objects.filter(pk=export_id).first()
    if export is None:
        raise Problem(404, "not_found", "There is no such zip, or it is not yours.")
    export.training_set = training_set_for(caller, export.training_set_id)
    return export


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
    starter = Q(pk__in=[])
    for name in _starter_names(caller):
        starter |= any_version(name)
    starter &= Q(project__isnull=True, kind=TrainingSet.Kind.STARTER)
    visible = visible.filter(purged_at__isnull=True)
    found = visible.filter(own | starter).exclude(kind=TrainingSet.Kind.HIDDEN).first()
    if found is None:
        raise Problem(404, "not_found", "There is no such training set, or it is not yours.")
    return found


def usable_base(project: Project, base_id: UUID) -> TrainingSet:
    """A ready set that a new version in this project may grow from: its own, or the exercise's starter set."""
    base = TrainingSet.objects.filter(site_id=project.exercise.site_id, pk=base_id).first()
    if base is None or not _is_base(project, base):
        raise Problem(404, "not_found", "There is no such training set in this exercise.")
    if base.state != TrainingSet.State.READY:
        raise Problem(409, "training_set_not_ready", "This training set is not ready yet. Wait for it, then try again.")
    task_check(project, base.task)
    if base.trash_id is not None:
        raise Problem(
            409, "in_trash", "This training set is in the trash. Restore it first, then make a version of it."
        )
    return base


def _is_base(project: Project, base: TrainingSet) -> bool:
    if base.project_id is not None:
        return base.project_id == project.pk
    return base.kind == TrainingSet.Kind.STARTER and is_version(base, project.spec.body.get("starter_set"))


def task_check(project: Project, task: str) -> None:
    """Raises Problem 422 for a set or model of another task: the author may have changed what the exercise is about."""
    if task != project.spec.body["task"]:
        sentence = f"This exercise is about {project.spec.body['task']} now, and this was made for {task}. Begin anew."
        raise Problem(422, "task_differs", sentence)


def fixed_classes(project: Project, starter: TrainingSet | None) -> list[str]:
    """The classes that every training set of this exercise must have; empty when learners may choose them.

    The starter set decides, else the hidden test set: a model with other classes could never be scored. In a workshop
    the author is the one who decides.
    """
    if is_workshop(project):
        return []
    decides = starter if starter is not None else hidden_set_for(project, site=project.exercise.site)
    return list(decides.classes) if decides is not None else []


def hidden_set_of(training_set: TrainingSet) -> TrainingSet | None:
    """The newest hidden test set that scores what is trained on a project's set. Never for a learner's eyes."""
    project = training_set.project
    return hidden_set_for(project, site=training_set.site) if project is not None else None


def hidden_set_for(project: Project, *, site: Site) -> TrainingSet | None:
    """The newest hidden test set that the project's spec names. Never for a learner's eyes."""
    name = project.spec.body.get("hidden_test_set")
    return library_set(site, kind=TrainingSet.Kind.HIDDEN, name=name) if name else None


def uploads_of(project: Project, ids: Iterable[UUID], *, purpose: str) -> dict[UUID, Upload]:
    """The project's uploads with these ids; others are simply not there."""
    return {upload.pk: upload for upload in Upload.objects.filter(project=project, pk__in=list(ids), purpose=purpose)}


def uploads_waiting(project: Project, *, purpose: str) -> QuerySet[Upload]:
    """The project's uploads that nothing has taken; a failed set took nothing."""
    free = Q(taken_by__isnull=True) | Q(taken_by__state=TrainingSet.State.FAILED)
    return Upload.objects.filter(free, project=project, purpose=purpose)


def _starter_names(caller: Caller) -> list[str]:
    """Names of the starter sets of the caller's exercise; for staff, those of any learner's project in it."""
    projects = Project.objects.filter(exercise__site=caller.site, exercise__usage_key=caller.usage)
    if not caller.is_staff:
        projects = projects.filter(learner=caller.learner)
    return [name for name in projects.values_list("spec__body__starter_set", flat=True).distinct() if name]
