"""What the service remembers about requests themselves: answers given under an Idempotency-Key, and rate limits."""

from django.db import models


class IdempotentAnswer(models.Model):
    """The answer to one request of one person, kept for its repeats; written with its effect."""

    site = models.ForeignKey("axons_sites.Site", on_delete=models.CASCADE, related_name="+")
    learner = models.CharField(max_length=128, help_text="anonymous user id")
    operation = models.CharField(max_length=60)
    key = models.CharField(max_length=100)
    request_sha256 = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    body = models.JSONField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["site", "learner", "operation", "key"], name="idempotent_answer_unique")
        ]


class RateBucket(models.Model):
    """A token bucket as one number (GCRA): `full_at` is when it will be full again, in seconds since 1970.

    No index on it: PostgreSQL then updates the row in place, which happens far more often than the hourly sweep.
    """

    key = models.CharField(max_length=200, primary_key=True)
    full_at = models.FloatField()
