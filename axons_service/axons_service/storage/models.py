"""What the service remembers of storage: the trash, what is due for deletion, limits per course, and its audits."""

import uuid

from django.db import models
from django.db.models import Q


class Trashable(models.Model):
    """Something of a project that can go to the trash, come back for 14 days, and then lose its objects for good.

    A row whose objects are gone stays, hidden, as long as its project: jobs, grades and later versions point at it.
    """

    trash = models.ForeignKey(
        "axons_storage.Trash",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="set while it is in the trash, and after",
    )
    kept_at = models.DateTimeField(null=True, blank=True, help_text="when it last came out of the trash")
    purged_at = models.DateTimeField(null=True, blank=True, help_text="when its objects were given up for good")
    stored_bytes = models.PositiveBigIntegerField(default=0, help_text="what it fills in the store, for quotas")

    class Meta:
        abstract = True


class Trash(models.Model):
    """One deletion, with everything that went with it. Open entries can be undone until `expires_at`."""

    class Kind(models.TextChoices):
        TRAINING_SET = "training_set"
        JOB = "job"
        MODEL = "model"
        PROJECT = "project"

    class Reason(models.TextChoices):
        PERSON = "person"
        COURSE_ENDED = "course_ended"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey("axons_exercises.Project", on_delete=models.CASCADE, related_name="trash")
    kind = models.CharField(max_length=12, choices=Kind)
    object_id = models.UUIDField(help_text="of the training set, job, model or project")
    title = models.CharField(max_length=200)
    bytes = models.PositiveBigIntegerField(default=0)
    reason = models.CharField(max_length=12, choices=Reason, default=Reason.PERSON)
    deleted_by = models.CharField(max_length=128, blank=True, help_text="anonymous id; empty for a rule")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    restored_at = models.DateTimeField(null=True, blank=True)
    purged_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project", "kind", "object_id"],
                condition=Q(restored_at__isnull=True, purged_at__isnull=True) & ~Q(kind="project"),
                name="trash_open_unique",
            )
        ]
        indexes = [
            models.Index(fields=["project", "created_at", "id"]),
            models.Index(
                fields=["expires_at"],
                condition=Q(restored_at__isnull=True, purged_at__isnull=True),
                name="trash_open_by_expiry",
            ),
        ]


class Deletion(models.Model):
    """A prefix to look below for objects that no row and no manifest names any more: the outbox of deletions.

    Written in the transaction that gives the objects up; the row goes when the last of them is gone.
    """

    project_id = models.UUIDField(help_text="no foreign key: an erased project has no row any more")
    prefix = models.CharField(max_length=500)
    cursor = models.CharField(max_length=1024, blank=True, help_text="last key that was looked at")
    not_before = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["prefix"], name="deletion_prefix_unique")]
        indexes = [models.Index(fields=["not_before"])]


class SweepPass(models.Model):
    """How far a long pass has come, so that any worker goes on where the last one stopped."""

    name = models.CharField(max_length=100, unique=True)
    cursor = models.CharField(max_length=1024, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    objects_deleted = models.PositiveBigIntegerField(default=0)
    bytes_deleted = models.PositiveBigIntegerField(default=0)


class CoursePolicy(models.Model):
    """What an operator sets for one course: quotas, and when the work of its learners goes to the trash."""

    site = models.ForeignKey("axons_sites.Site", on_delete=models.CASCADE, related_name="course_policies")
    course_key = models.CharField(max_length=255)
    learner_quota_bytes = models.PositiveBigIntegerField(
        null=True, blank=True, help_text="per learner and exercise; empty: AXONS_LEARNER_QUOTA_BYTES; 0: no limit"
    )
    course_quota_bytes = models.PositiveBigIntegerField(
        null=True, blank=True, help_text="of all learners together; empty: AXONS_COURSE_QUOTA_BYTES; 0: no limit"
    )
    ends_on = models.DateField(null=True, blank=True, help_text="last day of the course")
    retention_days = models.PositiveIntegerField(
        null=True, blank=True, help_text="days after the last day until learners' work goes to the trash; empty: never"
    )
    used_bytes = models.PositiveBigIntegerField(default=0, help_text="of the course, when it was last counted")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "course policies"
        constraints = [models.UniqueConstraint(fields=["site", "course_key"], name="course_policy_unique")]

    def __str__(self) -> str:
        return self.course_key


class Erasure(models.Model):
    """The audit of a learner's erasure. Of the learner only a keyed hash remains: enough to prove it was done."""

    site = models.ForeignKey("axons_sites.Site", on_delete=models.CASCADE, related_name="erasures")
    learner_hash = models.CharField(max_length=64)
    requested_by = models.CharField(max_length=128)
    projects = models.PositiveIntegerField(default=0)
    rows = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["site", "learner_hash"])]
