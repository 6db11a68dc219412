"""How a spec turns a metric into points: its thresholds, what lies between two of them, and what a learner is told.

`between` and `feedback` are optional: a spec without them is graded as before there were any, and keeps its hash.
"""

from typing import Any

from axons_service.exercises.findings import Findings, is_share
from axons_service.exercises.rubrics import check_rubric

MAX_THRESHOLDS = 20
MAX_FEEDBACK = 1000
STEPS, LINE = "steps", "line"
BETWEEN = (STEPS, LINE)


def check_grading(findings: Findings, grading: object, metrics: tuple[str, ...]) -> None:
    """Report what is wrong with a spec's `grading`, for a task with these metrics."""
    if not isinstance(grading, dict):
        findings.add("grading", "Grading must be an object or null.")
        return
    needed = ("metric", "thresholds")
    findings.keys("grading", grading, needed, (*needed, "between", "feedback", "rule", "rubric", "rubric_share"))
    check_rubric(findings, grading)
    if "metric" in grading and grading["metric"] not in metrics:
        findings.add("grading.metric", f"The metric must be one of {', '.join(metrics)}.")
    if grading.get("between", STEPS) not in BETWEEN:
        findings.add("grading.between", "Between two thresholds there are steps or a line.")
    _check_feedback(findings, "grading.feedback", grading)
    thresholds = grading.get("thresholds", [{"at_least": 0, "score": 0}])
    if not isinstance(thresholds, list) or not 1 <= len(thresholds) <= MAX_THRESHOLDS:
        findings.add("grading.thresholds", f"Grading needs 1 to {MAX_THRESHOLDS} thresholds.")
        return
    before: dict[str, float] | None = None
    for index, threshold in enumerate(thresholds):
        path = f"grading.thresholds.{index}"
        if not isinstance(threshold, dict):
            findings.add(path, "A threshold needs at_least and score.")
            return
        findings.keys(path, threshold, ("at_least", "score"), ("at_least", "score", "feedback"))
        _check_feedback(findings, f"{path}.feedback", threshold)
        for key in ("at_least", "score"):
            if key in threshold and not is_share(threshold[key]):
                findings.add(f"{path}.{key}", "This must be a number between 0 and 1.")
                return
        if set(threshold) >= {"at_least", "score"}:
            if before is not None and threshold["at_least"] <= before["at_least"]:
                findings.add(f"{path}.at_least", "Thresholds must rise from one to the next.")
            if before is not None and threshold["score"] < before["score"]:
                findings.add(f"{path}.score", "A higher threshold must not give a lower score.")
            before = threshold


def threshold_score(grading: dict[str, Any], value: float) -> float:
    """The score 0..1 for a metric's value: that of the highest threshold reached, and with `between: line` a part of
    the way to the next one's. Below the first threshold it is 0."""
    thresholds = grading["thresholds"]
    reached = [index for index, threshold in enumerate(thresholds) if value >= threshold["at_least"]]
    if not reached:
        return 0.0
    low = thresholds[reached[-1]]
    if grading.get("between") != LINE or low is thresholds[-1]:
        return float(low["score"])
    high = thresholds[reached[-1] + 1]
    way = (value - low["at_least"]) / (high["at_least"] - low["at_least"])
    exact = low["score"] + way * (high["score"] - low["score"])
    return float(max(low["score"], min(high["score"], round(exact, 6))))


def threshold_feedback(grading: dict[str, Any], value: float | None) -> str:
    """What the author tells whoever scores this: the text of the highest threshold reached, or of none; "" for no
    text, and before there is a value."""
    if value is None:
        return ""
    texts = [each.get("feedback", "") for each in grading["thresholds"] if value >= each["at_least"]]
    return str(texts[-1] if texts else grading.get("feedback", ""))


def without_feedback(grading: dict[str, Any]) -> dict[str, Any]:
    """The rule without what is said of results."""
    thresholds = [{key: value for key, value in each.items() if key != "feedback"} for each in grading["thresholds"]]
    return {**{key: value for key, value in grading.items() if key != "feedback"}, "thresholds": thresholds}


def _check_feedback(findings: Findings, path: str, holder: dict[str, Any]) -> None:
    text = holder.get("feedback", "")
    if not isinstance(text, str) or len(text) > MAX_FEEDBACK:
        findings.add(path, f"Feedback is a text of at most {MAX_FEEDBACK} letters.")
