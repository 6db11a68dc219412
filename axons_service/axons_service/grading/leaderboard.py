"""The best results of a class on the hidden test set, without names: where the author wants a contest."""

from typing import Any

from django.db.models import Max

from axons_service.exercises.models import Project
from axons_service.exercises.results import results_hidden
from axons_service.grading.models import Submission
from axons_service.operations.problems import Problem

PLACES = 10


def leaderboard(project: Project, *, is_staff: bool) -> dict[str, Any]:
    """The first ten places and the project's own, by the best value of the spec's metric; equal values share a place.

    Counts what learners handed in for the hidden test set that the spec names now. Empty while scores are kept back.
    Three queries, however many there are. Raises Problem 404 `no_leaderboard`.
    """
    body = project.spec.body
    grading = body.get("grading")
    if grading is None or not body.get("leaderboard"):
        raise Problem(404, "no_leaderboard", "This exercise has no leaderboard.")
    withheld = not is_staff and results_hidden(project)
    output: dict[str, Any] = {"metric": grading["metric"], "results_withheld": withheld}
    if withheld:
        return {**output, "learners": 0, "own": None, "places": []}
    best = (
        Submission.objects.filter(
            project__exercise=project.exercise,
            project__is_staff=False,
            state=Submission.State.SCORED,
            metric=grading["metric"],
            spec__body__hidden_test_set=body["hidden_test_set"],
        )
        .order_by()
        .values("project")
        .annotate(best=Max("value"))
    )
    own = next((row["best"] for row in best.filter(project=project)), None)
    places: list[dict[str, Any]] = []
    for number, row in enumerate(best.order_by("-best", "project")[:PLACES], start=1):
        place = places[-1]["place"] if places and places[-1]["value"] == row["best"] else number
        places.append({"place": place, "value": row["best"], "is_own": row["project"] == project.pk})
    rank = None if own is None else {"place": best.filter(best__gt=own).count() + 1, "value": own}
    return {**output, "learners": best.count(), "own": rank, "places": places}
