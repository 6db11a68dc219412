"""A submission as the API shows it."""

from typing import Any

from django.utils import timezone
from rest_framework import serializers

from axons_service.exercises.grading_rules import threshold_feedback
from axons_service.exercises.rubrics import RULES
from axons_service.grading.models import Review, Submission
from axons_service.grading.scoring import needs_review, rubric_of, rule_of
from axons_service.jobs.schemas import FailureSerializer


class ReviewSerializer(serializers.Serializer[Any]):
    """A grader's decision. Append-only."""

    id = serializers.UUIDField()
    grader = serializers.CharField(help_text="anonymous user id; empty for learners")
    score = serializers.FloatField(allow_null=True, help_text="0 to 1; null for a comment alone")
    clear = serializers.BooleanField(help_text="whether it removed the override")
    comment = serializers.CharField()
    rubric = serializers.DictField(help_text="{criterion id: {points, comment}}")
    reason = serializers.CharField(help_text="why the score was overridden; empty for learners")
    returns = serializers.BooleanField(help_text="whether it gave the submission back for revision")
    created_at = serializers.DateTimeField()


class LockSerializer(serializers.Serializer[Any]):
    """Who is grading a submission, and until when others are kept from it."""

    grader = serializers.CharField(help_text="anonymous user id")
    until = serializers.DateTimeField()


class SubmissionSerializer(serializers.Serializer[Any]):
    """A model that was handed in."""

    id = serializers.UUIDField()
    learner = serializers.CharField(help_text="anonymous user id")
    model = serializers.UUIDField()
    job = serializers.UUIDField()
    state = serializers.ChoiceField(choices=Submission.State.choices)
    metric = serializers.CharField()
    value = serializers.FloatField(allow_null=True, help_text="the metric on the hidden test set")
    automatic_score = serializers.FloatField(allow_null=True)
    score = serializers.FloatField(allow_null=True, help_text="0 to 1; an override wins")
    reviews = ReviewSerializer(many=True)
    created_at = serializers.DateTimeField()
    failure = FailureSerializer(allow_null=True)
    revision = serializers.IntegerField(allow_null=True, help_text="of the grade that this submission caused last")
    delivered_revision = serializers.IntegerField(
        allow_null=True, help_text="the revision that the LMS has, once it is this one or a later one"
    )
    rubric = serializers.ListField(
        child=serializers.DictField(), help_text="the criteria of its spec: [{id, title, points}]"
    )
    rule = serializers.ChoiceField(choices=RULES, help_text="how its spec comes to a score")
    rubric_score = serializers.FloatField(allow_null=True)
    returned_at = serializers.DateTimeField(allow_null=True, help_text="given back for revision")
    feedback = serializers.CharField(
        help_text="what the author tells whoever scores this, by its spec; empty for nothing"
    )
    results_withheld = serializers.BooleanField(
        help_text="whether the author keeps scores from learners now: then they are null, and reviews tell none"
    )
    needs_review = serializers.BooleanField(required=False, help_text="for staff")
    overridden = serializers.BooleanField(required=False, help_text="for staff")
    lock = LockSerializer(required=False, allow_null=True, help_text="for staff")
    duplicates = serializers.ListField(
        child=serializers.ChoiceField(choices=["set", "weights", "curve"]), required=False, help_text="lists for staff"
    )
    confusion_matrix = serializers.ListField(
        child=serializers.ListField(child=serializers.IntegerField()), required=False, help_text="for staff"
    )
    iou_per_class = serializers.DictField(
        child=serializers.FloatField(allow_null=True), required=False, help_text="for staff: of masks"
    )


def submission_output(submission: Submission, *, is_staff: bool = False) -> dict[str, Any]:
    """The submission as JSON-ready values; comes from `selectors.submissions()`.

    Staff also see who graded, and how each class fared on the hidden test set; learners do not.
    """
    delivered = submission.project_delivered  # type: ignore[attr-defined]
    revision = submission.newest_revision  # type: ignore[attr-defined]
    job = submission.job
    output: dict[str, Any] = {
        "id": str(submission.pk),
        "learner": submission.project.learner,
        "model": str(submission.model_id),
        "job": str(submission.job_id),
        "state": submission.state,
        "metric": submission.metric,
        "value": submission.value,
        "automatic_score": submission.automatic_score,
        "score": submission.score,
        "reviews": [_review_output(review, is_staff) for review in submission.reviews.all()],
        "created_at": submission.created_at.isoformat(),
        "failure": None,
        "feedback": threshold_feedback(submission.spec.body["grading"], submission.value),
        "results_withheld": False,
        "rubric": rubric_of(submission.spec.body),
        "rule": rule_of(submission.spec.body),
        "rubric_score": submission.rubric_score,
        "returned_at": submission.returned_at.isoformat() if submission.returned_at else None,
        "revision": revision,
        "delivered_revision": delivered if revision and delivered and delivered >= revision else None,
    }
    if submission.state == Submission.State.FAILED:
        output["failure"] = {"class": job.failure_class, "message": job.failure_message}
    if is_staff:
        locked = submission.locked_until is not None and submission.locked_until > timezone.now()
        output["needs_review"] = needs_review(submission)
        output["overridden"] = submission.override_score is not None
        output["lock"] = (
            {"grader": submission.locked_by, "until": submission.locked_until.isoformat()}  # type: ignore[union-attr]
            if locked
            else None
        )
    for name in ("confusion_matrix", "iou_per_class"):
        if is_staff and name in submission.metrics:
            output[name] = submission.metrics[name]
    return output


def _review_output(review: Review, is_staff: bool) -> dict[str, Any]:
    return {
        "id": str(review.pk),
        "grader": review.grader if is_staff else "",
        "score": review.score,
        "clear": review.clears_override,
        "comment": review.comment,
        "rubric": review.rubric,
        "reason": review.reason if is_staff else "",
        "returns": review.returns,
        "created_at": review.created_at.isoformat(),
    }
