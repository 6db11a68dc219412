"""How a submission comes to the score that counts: thresholds on the metric, a grader's rubric, or a mix of both."""

from typing import Any

from axons_service.exercises.rubrics import AUTOMATIC, RUBRIC
from axons_service.grading.models import Submission

DEFAULT_SHARE = 0.5


def rule_of(body: dict[str, Any]) -> str:
    """The grading rule of a spec. Specs of before there were rubrics have no `rule` and are automatic."""
    return str((body.get("grading") or {}).get("rule", AUTOMATIC))


def rubric_of(body: dict[str, Any]) -> list[dict[str, Any]]:
    """The rubric's criteria, [{id, title, points}]; empty without a rubric."""
    return list((body.get("grading") or {}).get("rubric") or [])


def rubric_score(rubric: list[dict[str, Any]], given: dict[str, dict[str, Any]]) -> float:
    """The share of a rubric's points that a grader gave, 0..1."""
    total = sum(criterion["points"] for criterion in rubric)
    return float(sum(given[criterion["id"]]["points"] for criterion in rubric) / total)


def final_score(
    body: dict[str, Any], *, automatic: float | None, rubric: float | None, override: float | None
) -> float | None:
    """The score that counts, 0..1; None until all parts that the spec's rule asks for are there. An override wins."""
    if override is not None:
        return override
    rule = rule_of(body)
    if rule == AUTOMATIC:
        return automatic
    if rule == RUBRIC:
        return rubric
    if automatic is None or rubric is None:
        return None
    share = float((body.get("grading") or {}).get("rubric_share", DEFAULT_SHARE))
    return round(share * rubric + (1 - share) * automatic, 6)


def needs_review(submission: Submission) -> bool:
    """Whether the rule asks for a grader who has not decided yet."""
    scored = submission.state == Submission.State.SCORED and submission.returned_at is None
    return scored and submission.final_score is None
