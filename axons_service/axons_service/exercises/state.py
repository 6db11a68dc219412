"""A project as its page shows it: everything in a constant number of queries."""

from typing import Any

from django.conf import settings

from axons_service.compute.budgets import budgets_of
from axons_service.compute.schemas import budget_output
from axons_service.exercises import results
from axons_service.exercises.models import Project
from axons_service.exercises.selectors import supplied_model
from axons_service.exercises.specs import spec_for_role
from axons_service.grading import deadlines
from axons_service.grading.selectors import grade_book, project_submissions, project_tries
from axons_service.grading.serializers import submission_output
from axons_service.jobs import selectors as jobs
from axons_service.jobs.serializers import jobs_output, model_output, prediction_output
from axons_service.operations.retention.quotas import storage_state
from axons_service.sites.callers import Caller
from axons_service.sites.tokens import read_token_mint
from axons_service.training_sets.models import TrainingSet
from axons_service.training_sets.selectors import library_set, project_training_sets
from axons_service.training_sets.serializers import training_set_output


def project_bundle(project: Project, caller: Caller) -> dict[str, Any]:
    """Bundle of the contract: the project and a token to read it."""
    token = read_token_mint(caller, project.pk)
    base = f"{settings.AXONS_PUBLIC_URL.rstrip('/')}/api/v1"
    return {
        "project": project_state(project, caller),
        "read_token": token.token,
        "read_token_expires_at": token.expires_at.isoformat(),
        "api_url": base,
        "stream_url": f"{base}/projects/{project.pk}/stream",
        "grade_book": grade_book(project),
    }


def project_state(project: Project, caller: Caller) -> dict[str, Any]:
    """ProjectState of the contract. The project comes with exercise, site and spec loaded."""
    # The cursor is read before anything else: an event that arrives meanwhile is seen twice rather than never.
    cursor = jobs.project_cursor(project.pk)
    spec = project.spec
    site = project.exercise.site
    starter_name, model_name = spec.body.get("starter_set"), spec.body.get("model")
    starter = library_set(site, kind=TrainingSet.Kind.STARTER, name=starter_name) if starter_name else None
    supplied = supplied_model(site, model_name) if model_name else None
    tries = project_tries(project)
    budgets = budgets_of(project)
    submissions = project_submissions(project)
    closes_at = deadlines.closes_at(project)
    hidden = not caller.is_staff and results.results_hidden(project)
    shown = [submission_output(submission, is_staff=caller.is_staff) for submission in submissions]
    results_at = results.results_at(project) if hidden else None
    return {
        "id": str(project.pk),
        "exercise": {"usage": project.exercise.usage_key, "course": project.exercise.course_key},
        "spec": spec_for_role(spec.body, is_staff=caller.is_staff),
        "spec_hash": spec.hash,
        "role": caller.role.value,
        "starter_set": training_set_output(starter) if starter is not None else None,
        "training_sets": [training_set_output(each) for each in project_training_sets(project)],
        "jobs": jobs_output(jobs.project_jobs(project)),
        "models": [model_output(model) for model in jobs.project_models(project)],
        "predictions": [prediction_output(prediction) for prediction in jobs.project_predictions(project)],
        "submissions": [results.submission_without_results(each) for each in shown] if hidden else shown,
        "tries": {"used": tries.used, "max": tries.allowed, "left": tries.left},
        "extended_until": tries.extended_until.isoformat() if tries.extended_until else None,
        "closes_at": closes_at.isoformat() if closes_at else None,
        "reopened": deadlines.reopens(submissions),
        "best_score": None if hidden else tries.best_score,
        "results_withheld": hidden,
        "results_at": results_at.isoformat() if results_at and results_at != results.NEVER else None,
        "budget": budget_output(budgets[0]) if budgets else None,
        "cursor": cursor,
        "supplied_model": model_output(supplied) if supplied is not None else None,
        "runs": [str(pk) for pk in jobs.project_runs(project)],
        "storage": storage_state(project),
    }
