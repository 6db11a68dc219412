"""Submissions, reviews, and the outbox that delivers grades."""

import uuid

from django.db import models


class Submission(models.Model):
    """The model a learner hands in for a grade. Only a scored submission consumes a try."""

    class State(models.TextChoices):
        SCORING = "scoring"
        SCORED = "scored"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey("axons_exercises.Project", on_delete=models.CASCADE, related_name="submissions")
    model = models.ForeignKey("axons_jobs.Model", on_delete=models.PROTECT, related_name="submissions")
    job = models.OneToOneField("axons_jobs.Job", on_delete=models.PROTECT, related_name="submission")
    spec = models.ForeignKey("axons_exercises.Spec", on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=10, choices=State, default=State.SCORING)
    metric = models.CharField(max_length=30)
    value = models.FloatField(null=True, blank=True, help_text="the metric on the hidden test set")
    metrics = models.JSONField(default=dict)
    automatic_score = models.FloatField(null=True, blank=True, help_text="0..1 by the spec's thresholds")
    override_score = models.FloatField(null=True, blank=True, help_text="0..1, of the newest review that set one")
    idempotency_key = models.CharField(max_length=100)
    created_at = models.DateTimeField(auto_now_add=True)
    scored_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "idempotency_key"], name="submission_idempotency_unique")
        ]
        indexes = [models.Index(fields=["project", "created_at"]), models.Index(fields=["created_at", "id"])]

    @property
    def score(self) -> float | None:
        """The score that counts, 0..1: a grader's override wins over the automatic score."""
        return self.automatic_score if self.override_score is None else self.override_score


class Review(models.Model):
    """A grader's decision on a submission. Append-only."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    submission = models.ForeignKey(Submission, on_delete=models.CASCADE, related_name="reviews")
    grader = models.CharField(max_length=128, help_text="anonymous user id")
    score = models.FloatField(null=True, blank=True, help_text="0..1; null for a comment alone")
    clears_override = models.BooleanField(default=False)
    comment = models.TextField(blank=True)
    idempotency_key = models.CharField(max_length=100)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["submission", "idempotency_key"], name="review_idempotency_unique")
        ]


class GradeDelivery(models.Model):
    """The grade outbox. Revisions increase per project (learner and exercise); the XBlock applies only higher ones."""

    class State(models.TextChoices):
        DUE = "due"
        DELIVERED = "delivered"
        SUPERSEDED = "superseded"
        DEAD = "dead"

    project = models.ForeignKey("axons_exercises.Project", on_delete=models.CASCADE, related_name="deliveries")
    submission = models.ForeignKey(Submission, on_delete=models.CASCADE, related_name="deliveries")
    revision = models.PositiveIntegerField()
    score = models.FloatField(help_text="0..1")
    reason = models.CharField(max_length=10, help_text="scored | override")
    state = models.CharField(max_length=10, choices=State, default=State.DUE)
    tries = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField()
    last_error = models.TextField(blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "revision"], name="delivery_revision_unique")]
        indexes = [models.Index(fields=["state", "due_at"])]
