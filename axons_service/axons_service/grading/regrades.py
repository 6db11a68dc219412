"""Scoring stored results anew by another spec's thresholds, rule and rubric: nothing is evaluated again."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from axons_service.exercises.grading_rules import threshold_score
from axons_service.exercises.models import Project, Spec
from axons_service.grading.delivery import grade_queue
from axons_service.grading.models import AuditEntry, DeskTask, Submission
from axons_service.grading.scoring import final_score, rubric_of
from axons_service.grading.services import submissions_tell

SHOWN = 200


def regrade_preview(rows: Any, spec: Spec) -> dict[str, Any]:
    """What a regrade by this spec would change, without changing it: counts, and the first 200 changes."""
    scored = rows.filter(state=Submission.State.SCORED).select_related("spec", "project").order_by("pk")
    changes: list[dict[str, Any]] = []
    counts = {"total": 0, "changed": 0, "raised": 0, "lowered": 0, "not_comparable": 0}
    for submission, after in _outcomes(scored.iterator(chunk_size=500), spec):
        counts["total"] += 1
        if after is None:
            counts["not_comparable"] += 1
            continue
        before = submission.final_score
        if after["final_score"] == before:
            continue
        counts["changed"] += 1
        counts["raised"] += (after["final_score"] or 0) > (before or 0)
        counts["lowered"] += (after["final_score"] or 0) < (before or 0)
        if len(changes) < SHOWN:
            changes.append(
                {
                    "submission": str(submission.pk),
                    "learner": submission.project.learner,
                    "before": before,
                    "after": after["final_score"],
                }
            )
    return {**counts, "changes": changes}


def submissions_regrade(*, task: DeskTask, submission_ids: list[UUID]) -> int:
    """Score these by the task's spec; how many scores changed. Needs a transaction."""
    projects = Project.objects.filter(submissions__pk__in=submission_ids).values("pk")
    list(Project.objects.select_for_update().filter(pk__in=projects).order_by("pk").values_list("pk"))
    batch = Submission.objects.select_related("spec", "project").filter(pk__in=submission_ids).order_by("pk")
    changed = [each.pk for each in batch if submission_regrade(task=task, submission=each)]
    submissions_tell(changed)
    return len(changed)


def submission_regrade(*, task: DeskTask, submission: Submission) -> bool:
    """Score one submission by the task's spec; whether its score changed. Needs its project's row lock."""
    assert task.spec is not None, "a regrade has a spec"
    if submission.state != Submission.State.SCORED:
        return False
    after = outcome(submission, task.spec)
    if after is None:
        return False
    before = {"score": submission.final_score, "spec": submission.spec.hash}
    changed = bool(after["final_score"] != submission.final_score)
    if not changed and submission.spec_id == task.spec_id:
        return False
    Submission.objects.filter(pk=submission.pk).update(spec=task.spec, **after)
    AuditEntry.objects.create(
        submission=submission,
        actor=task.grader,
        action=AuditEntry.Action.REGRADE,
        before=before,
        after={"score": after["final_score"], "spec": task.spec.hash},
        reason=task.reason,
    )
    if changed:
        grade_queue(submission=submission, reason="regrade")
    return changed


def outcome(submission: Submission, spec: Spec) -> dict[str, float | None] | None:
    """The scores that the spec gives; None when it scores another metric or on another hidden test set.

    An override stays. Rubric points stay when the spec has the same rubric, and are asked for anew otherwise.
    """
    old, new = submission.spec.body, spec.body
    grading = new.get("grading")
    comparable = grading is not None and grading["metric"] == submission.metric
    if not comparable or new.get("hidden_test_set") != old.get("hidden_test_set") or submission.value is None:
        return None
    automatic = threshold_score(grading, submission.value)
    rubric = submission.rubric_score if rubric_of(new) == rubric_of(old) else None
    final = final_score(new, automatic=automatic, rubric=rubric, override=submission.override_score)
    return {"automatic_score": automatic, "rubric_score": rubric, "final_score": final}


def _outcomes(rows: Iterator[Submission], spec: Spec) -> Iterator[tuple[Submission, dict[str, float | None] | None]]:
    return ((submission, outcome(submission, spec)) for submission in rows)
