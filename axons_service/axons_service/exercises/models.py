"""Exercises, their immutable specs, and the projects of learners."""

import uuid

from django.db import models


class Spec(models.Model):
    """An author's validated configuration. Immutable; identified by the SHA-256 of its canonical JSON."""

    site = models.ForeignKey("axons_sites.Site", on_delete=models.CASCADE, related_name="specs")
    hash = models.CharField(max_length=64)
    body = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["site", "hash"], name="spec_hash_unique")]


class Exercise(models.Model):
    """One XBlock placement."""

    site = models.ForeignKey("axons_sites.Site", on_delete=models.CASCADE, related_name="exercises")
    usage_key = models.CharField(max_length=255)
    course_key = models.CharField(max_length=255)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["site", "usage_key"], name="exercise_usage_unique")]
        indexes = [models.Index(fields=["site", "course_key"])]


class Project(models.Model):
    """The workspace of one learner in one exercise.

    `spec` is the newest spec that the XBlock sent for this learner: an author who tries a draft in Studio changes
    nothing for the learners of the published exercise.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    exercise = models.ForeignKey(Exercise, on_delete=models.CASCADE, related_name="projects")
    spec = models.ForeignKey(Spec, on_delete=models.PROTECT, related_name="+")
    learner = models.CharField(max_length=128, help_text="anonymous user id; no name ever reaches the service")
    callback_url = models.URLField(max_length=1000, blank=True)
    is_staff = models.BooleanField(default=False, help_text="course staff opened it: not counted with the class")
    closes_at = models.DateTimeField(
        null=True, blank=True, help_text="when handing in ends by the LMS: due date and grace, a learner's own if any"
    )
    results_from = models.DateTimeField(
        null=True,
        blank=True,
        help_text="from when on the learner sees scores, by the LMS; empty for always, the year 9999 for never",
    )
    last_compute_at = models.DateTimeField(null=True, blank=True, help_text="fairness: least recent compute first")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["exercise", "learner"], name="project_learner_unique")]
