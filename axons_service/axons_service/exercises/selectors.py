"""Reads of exercises and projects."""

from typing import Any
from uuid import UUID

from axons_service.compute.models import Pool
from axons_service.exercises.models import Project
from axons_service.exercises.task_types import CLASSIFICATION, classes_agree
from axons_service.jobs.models import Model
from axons_service.operations.problems import FieldError, Problem
from axons_service.sites.callers import Caller
from axons_service.sites.models import Site
from axons_service.training_sets.models import TrainingSet
from axons_service.training_sets.selectors import library_set


def project_for(caller: Caller, project_id: UUID) -> Project:
    """The project, if the caller may read it: their own, or any of the same exercise for staff; else Problem 404.

    Comes with exercise, site and spec. A browser's token opens the one project it was minted for.
    """
    visible = Project.objects.select_related("exercise__site", "spec", "allowance").filter(
        exercise__site=caller.site, exercise__usage_key=caller.usage
    )
    if caller.project is not None:
        visible = visible.filter(pk=caller.project)
    if not caller.is_staff:
        visible = visible.filter(learner=caller.learner)
    project = visible.filter(pk=project_id).first()
    if project is None:
        raise Problem(404, "not_found", "There is no such project, or it is not yours.")
    return project


def own_project(caller: Caller) -> Project:
    """The caller's own project in the exercise of their token; Problem 404 before the first `projects/open`."""
    project = (
        Project.objects.select_related("exercise__site", "spec", "allowance")
        .filter(exercise__site=caller.site, exercise__usage_key=caller.usage, learner=caller.learner)
        .first()
    )
    if project is None:
        raise Problem(404, "project_not_open", "This exercise was not opened yet. Reload the page.")
    return project


def spec_missing(site: Site, body: dict[str, Any]) -> list[FieldError]:
    """What a well-formed spec names that this site does not have, or that does not fit together."""
    errors: list[FieldError] = []
    starter = _named_set(errors, site, "starter_set", TrainingSet.Kind.STARTER, body.get("starter_set"))
    hidden = _named_set(errors, site, "hidden_test_set", TrainingSet.Kind.HIDDEN, body.get("hidden_test_set"))
    task = body["task"]
    for field, chosen in (("starter_set", starter), ("hidden_test_set", hidden)):
        if chosen is not None and chosen.task != task:
            sentence = f"{chosen.title} is a set for {chosen.task}. Choose one for {task}."
            errors.append({"field": field, "message": sentence})
    if starter is not None and hidden is not None and not classes_agree(task, starter.classes, hidden.classes):
        theirs, ours = (_words(each.classes, in_order=task != CLASSIFICATION) for each in (hidden, starter))
        sentence = f"The hidden test set has the classes {theirs}, the starter set {ours}."
        errors.append({"field": "hidden_test_set", "message": sentence})
    name = body.get("model")
    model = supplied_model(site, name) if name is not None else None
    if name is not None and model is None:
        errors.append({"field": "model", "message": f"There is no model named {name} in the library."})
    elif model is not None and model.task != task:
        errors.append({"field": "model", "message": f"{model.title} is a model for {model.task}, not for {task}."})
    listed = body.get("fallback_pools") or []
    known = set(Pool.objects.filter(name__in=[body["pool"], *listed], is_active=True).values_list("name", flat=True))
    for field, name in [("pool", body["pool"]), *(("fallback_pools", name) for name in listed)]:
        if name not in known:
            errors.append({"field": field, "message": f"There is no pool named {name}."})
    return errors


def supplied_model(site: Site, name: str) -> Model | None:
    """The author-supplied model of this name."""
    return Model.objects.filter(site=site, project__isnull=True, source=Model.Source.SUPPLIED, name=name).first()


def library_models(site: Site) -> list[Model]:
    """Every supplied model, by title."""
    found = Model.objects.filter(site=site, project__isnull=True, source=Model.Source.SUPPLIED)
    return list(found.order_by("title", "name"))


def library_pools() -> list[Pool]:
    """The pools that an author may choose."""
    return list(Pool.objects.filter(is_active=True).order_by("title"))


def _named_set(errors: list[FieldError], site: Site, field: str, kind: str, name: str | None) -> TrainingSet | None:
    if name is None:
        return None
    found = library_set(site, kind=kind, name=name)
    if found is None:
        title = field.replace("_", " ")
        errors.append({"field": field, "message": f"There is no {title} named {name} in the library."})
    return found


def _words(classes: list[str], *, in_order: bool) -> str:
    return ", ".join(classes if in_order else sorted(classes))
