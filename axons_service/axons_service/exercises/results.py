"""When learners may see what their work scored: the author's `show_correctness`, as the LMS signs it.

What was learned from the learner's own pictures (curves, validation, predictions) is theirs at all times: held back is
what the hidden test set and the graders say.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from django.utils import timezone

from axons_service.exercises.models import Project

NEVER = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)  # what the LMS signs for "not at all"
SUBMISSION = "submission"  # the kind of event that carries one


def results_at(project: Project) -> datetime | None:
    """From when on the learner sees results: None for always, NEVER for not at all.

    A grader's later due date counts here too: who may still hand in is not told yet what others scored by now. Comes
    with its allowance.
    """
    if project.results_from is None:
        return None
    granted = getattr(project, "allowance", None)
    extended: datetime | None = granted.extended_until if granted is not None else None
    return project.results_from if extended is None else max(project.results_from, extended)


def results_hidden(project: Project) -> bool:
    """Whether the learner may not see results yet, or at all. Staff always may."""
    shown = results_at(project)
    return shown is not None and timezone.now() <= shown


def submission_without_results(output: dict[str, Any]) -> dict[str, Any]:
    """A submission as `submission_output` gives it, without what it scored. What a grader asks to be done anew stays:
    it was given back for that."""
    asked = [{**review, "score": None, "rubric": {}} for review in output["reviews"] if review["returns"]]
    nothing = dict.fromkeys(("value", "automatic_score", "score", "rubric_score"))
    return {**output, **nothing, "feedback": "", "reviews": asked, "results_withheld": True}


def submission_for_learner(output: dict[str, Any], project: Project) -> dict[str, Any]:
    """A submission as its learner may see it now. The project comes with its allowance."""
    return submission_without_results(output) if results_hidden(project) else output


def results_withhold(events: Iterable[Any]) -> None:
    """Take results out of rows of events whose learners may not see them; one query when there is a submission, else
    none. The rows are changed in memory alone, so that a later reader sees more once more may be seen."""
    told = [event for event in events if event.kind == SUBMISSION and SUBMISSION in event.data]
    if not told:
        return
    wanted = {event.project_id for event in told}
    projects = Project.objects.select_related("allowance").filter(pk__in=wanted, results_from__isnull=False)
    hidden = {project.pk for project in projects if results_hidden(project)}
    for event in told:
        if event.project_id in hidden:
            event.data = {**event.data, SUBMISSION: submission_without_results(event.data[SUBMISSION])}
