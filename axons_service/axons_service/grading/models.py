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
    rubric_score = models.FloatField(null=True, blank=True, help_text="0..1, of the newest review with rubric points")
    override_score = models.FloatField(null=True, blank=True, help_text="0..1, of the newest review that set one")
    final_score = models.FloatField(null=True, blank=True, help_text="0..1, what counts: see `scoring.final_score`")
    returned_at = models.DateTimeField(null=True, blank=True, help_text="given back for revision, and its try with it")
    locked_by = models.CharField(max_length=128, blank=True, help_text="anonymous user id of who is grading it")
    locked_until = models.DateTimeField(null=True, blank=True)
    set_sha256 = models.CharField(max_length=64, blank=True, help_text="what it learned from; empty for a starter set")
    weights_sha256 = models.CharField(max_length=64, blank=True)
    curve_sha256 = models.CharField(max_length=64, blank=True)
    idempotency_key = models.CharField(max_length=100)
    created_at = models.DateTimeField(auto_now_add=True)
    scored_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "idempotency_key"], name="submission_idempotency_unique")
        ]
        indexes = [
            models.Index(fields=["project", "created_at"]),
            models.Index(fields=["created_at", "id"]),
            models.Index(fields=["set_sha256"], name="submission_set_idx"),
            models.Index(fields=["weights_sha256"], name="submission_weights_idx"),
            models.Index(fields=["curve_sha256"], name="submission_curve_idx"),
        ]

    @property
    def score(self) -> float | None:
        """The score that counts, 0..1; None before there is one."""
        return self.final_score


class Review(models.Model):
    """A grader's decision on a submission. Append-only."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    submission = models.ForeignKey(Submission, on_delete=models.CASCADE, related_name="reviews")
    grader = models.CharField(max_length=128, help_text="anonymous user id")
    score = models.FloatField(null=True, blank=True, help_text="0..1; null for a comment alone")
    clears_override = models.BooleanField(default=False)
    comment = models.TextField(blank=True)
    rubric = models.JSONField(default=dict, help_text="{criterion id: {points, comment}}")
    reason = models.TextField(blank=True, help_text="why the score was overridden; for staff")
    returns = models.BooleanField(default=False, help_text="whether it gave the submission back for revision")
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
    reason = models.CharField(max_length=10, help_text="scored | override | regrade")
    state = models.CharField(max_length=10, choices=State, default=State.DUE)
    tries = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField()
    last_error = models.TextField(blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "revision"], name="delivery_revision_unique")]
        indexes = [models.Index(fields=["state", "due_at"])]


class AuditEntry(models.Model):
    """What a grader did, when, and what it changed. Append-only; private notes are entries too."""

    class Action(models.TextChoices):
        REVIEW = "review"
        LOCK = "lock"
        RELEASE = "release"
        TAKE_OVER = "take_over"
        ALLOWANCE = "allowance"
        NOTE = "note"
        REGRADE = "regrade"

    submission = models.ForeignKey(Submission, on_delete=models.CASCADE, related_name="audit")
    actor = models.CharField(max_length=128, help_text="anonymous user id")
    action = models.CharField(max_length=10, choices=Action)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    reason = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["submission", "created_at"])]


class Allowance(models.Model):
    """What a grader granted one learner in one exercise beyond the spec."""

    project = models.OneToOneField("axons_exercises.Project", on_delete=models.CASCADE, related_name="allowance")
    extra_tries = models.PositiveIntegerField(default=0)
    extended_until = models.DateTimeField(null=True, blank=True)


class DeskTask(models.Model):
    """Something the desk has done in the background, over all submissions of an exercise or one of them."""

    class Kind(models.TextChoices):
        REGRADE = "regrade"
        CSV = "csv"
        ZIP = "zip"

    class State(models.TextChoices):
        RUNNING = "running"
        DONE = "done"
        STOPPED = "stopped"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    exercise = models.ForeignKey("axons_exercises.Exercise", on_delete=models.CASCADE, related_name="desk_tasks")
    spec = models.ForeignKey("axons_exercises.Spec", null=True, on_delete=models.PROTECT, related_name="+")
    submission = models.ForeignKey(Submission, null=True, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=10, choices=Kind)
    grader = models.CharField(max_length=128, help_text="anonymous user id")
    reason = models.TextField(blank=True)
    state = models.CharField(max_length=10, choices=State, default=State.RUNNING)
    done = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    bytes = models.PositiveBigIntegerField(default=0)
    message = models.TextField(blank=True)
    position = models.UUIDField(null=True, blank=True, help_text="the last submission that was gone through")
    before = models.DateTimeField(help_text="submissions handed in until then")
    claim = models.PositiveIntegerField(default=0, help_text="fencing number of the worker that does it")
    tries = models.PositiveIntegerField(default=0, help_text="claims since it last got on")
    beat_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["exercise"],
                condition=models.Q(kind="regrade", state="running"),
                name="one_regrade_of_an_exercise",
            )
        ]
        indexes = [models.Index(fields=["exercise", "created_at"]), models.Index(fields=["state", "created_at"])]


class DeskLink(models.Model):
    """A link to the full page: for the grader who asked, once, for two minutes."""

    exercise = models.ForeignKey("axons_exercises.Exercise", on_delete=models.CASCADE, related_name="+")
    grader = models.CharField(max_length=128, help_text="anonymous user id")
    token_sha256 = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
