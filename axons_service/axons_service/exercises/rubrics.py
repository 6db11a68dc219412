"""A rubric in a spec: what a grader gives points for, and how much of the score they are.

All of it is optional: a spec without these keys is graded as before there were rubrics, and keeps its hash.
"""

import re
from typing import Any

from axons_service.exercises.findings import Findings, is_share

MAX_CRITERIA = 20
MAX_POINTS = 1000
AUTOMATIC, RUBRIC, MIXED = "automatic", "rubric", "mixed"
RULES = (AUTOMATIC, RUBRIC, MIXED)
_ID = re.compile(r"[a-z0-9_-]{1,40}")


def check_rubric(findings: Findings, grading: dict[str, Any]) -> None:
    """Report what is wrong with a spec's `grading.rule`, `rubric` and `rubric_share`."""
    rule = grading.get("rule", AUTOMATIC)
    if rule not in RULES:
        findings.add("grading.rule", "The rule must be automatic, rubric or mixed.")
        return
    if "rubric_share" in grading and not (rule == MIXED and is_share(grading["rubric_share"])):
        findings.add("grading.rubric_share", "The rubric's share is a number between 0 and 1, for the rule mixed only.")
    rubric = grading.get("rubric")
    if rubric is None:
        if rule != AUTOMATIC:
            findings.add("grading.rubric", "This rule needs a rubric of at least one criterion.")
        return
    if rule == AUTOMATIC:
        findings.add("grading.rubric", "An automatic grade has no rubric; choose the rule rubric or mixed.")
    if not isinstance(rubric, list) or not 1 <= len(rubric) <= MAX_CRITERIA:
        findings.add("grading.rubric", f"A rubric has 1 to {MAX_CRITERIA} criteria.")
        return
    for index, criterion in enumerate(rubric):
        _check_criterion(findings, f"grading.rubric.{index}", criterion)
    ids = [str(each.get("id")) for each in rubric if isinstance(each, dict)]
    if len(set(ids)) != len(ids):
        findings.add("grading.rubric", "Each criterion needs an id of its own.")


def _check_criterion(findings: Findings, path: str, criterion: object) -> None:
    if not isinstance(criterion, dict):
        findings.add(path, "A criterion needs id, title and points.")
        return
    needed = ("id", "title", "points")
    findings.keys(path, criterion, needed, (*needed, "help"))
    if "id" in criterion and not (isinstance(criterion["id"], str) and _ID.fullmatch(criterion["id"])):
        findings.add(f"{path}.id", "An id has 1 to 40 small letters, digits, dashes or underscores.")
    title = criterion.get("title", "t")
    if not (isinstance(title, str) and 1 <= len(title.strip()) <= 200):
        findings.add(f"{path}.title", "A criterion's title has 1 to 200 letters.")
    text = criterion.get("help", "")
    if not (isinstance(text, str) and len(text) <= 2000):
        findings.add(f"{path}.help", "A criterion's help is a text of at most 2000 letters.")
    points = criterion.get("points", 1)
    if isinstance(points, bool) or not isinstance(points, int | float) or not 0 < points <= MAX_POINTS:
        findings.add(f"{path}.points", f"Points must be a number above 0, at most {MAX_POINTS}.")
