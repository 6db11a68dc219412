"""Training sets: immutable, versioned, described by a manifest of content hashes."""

import uuid

from django.db import models

from axons_service.exercises.task_types import Task
from axons_service.storage.models import Trashable


class TrainingSet(Trashable):
    """One version of a set of labelled images.

    `starter` and `hidden` sets belong to the site's library (`project` is null), for all its courses or, with a
    `course_key`, for the one whose author published it. A hidden set is never readable by learners.
    `project` sets belong to one learner's project; every change makes a new row.
    """

    class Kind(models.TextChoices):
        STARTER = "starter"
        HIDDEN = "hidden"
        PROJECT = "project"

    class State(models.TextChoices):
        PREPARING = "preparing"
        READY = "ready"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    site = models.ForeignKey("axons_sites.Site", on_delete=models.CASCADE, related_name="training_sets")
    project = models.ForeignKey(
        "axons_exercises.Project", null=True, blank=True, on_delete=models.CASCADE, related_name="training_sets"
    )
    kind = models.CharField(max_length=10, choices=Kind)
    task = models.CharField(max_length=20, choices=Task, default=Task.CLASSIFICATION)
    name = models.SlugField(max_length=100, blank=True, help_text="library name; empty for a project's own set")
    title = models.CharField(max_length=200)
    version = models.PositiveIntegerField(default=1)
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="children")
    starter = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="the library set it grew from",
    )
    state = models.CharField(max_length=10, choices=State, default=State.PREPARING)
    classes = models.JSONField(default=list)
    counts = models.JSONField(default=dict, help_text="{label: {split: count}}")
    image_count = models.PositiveIntegerField(default=0)
    manifest_key = models.CharField(max_length=500, blank=True)
    manifest_sha256 = models.CharField(max_length=64, blank=True)
    shards = models.JSONField(default=list, help_text="[{key, sha256, bytes, count}]")
    content_sha256 = models.CharField(max_length=64, blank=True, help_text="what it teaches, wherever its bytes lie")
    request = models.JSONField(default=dict, help_text="what was asked: additions, changes, or an archive")
    report = models.JSONField(default=list, help_text="the first lines: [{file, accepted, reason, code}]")
    report_counts = models.JSONField(default=dict, help_text="all lines: {code: count}")
    warnings = models.JSONField(default=list, help_text="[{code, label, message}]")
    message = models.TextField(blank=True)
    licence = models.CharField(max_length=200, blank=True)
    credits = models.TextField(blank=True)
    description = models.TextField(
        blank=True, default="", db_default="", help_text="of a library set: what it shows, in its author's words"
    )
    course_key = models.CharField(
        max_length=255,
        blank=True,
        default="",
        db_default="",
        help_text="the course whose library set it is; empty for one of the whole site",
    )
    published_by = models.CharField(
        max_length=128, blank=True, default="", db_default="", help_text="anonymous id of the author who published it"
    )
    source_sha256 = models.CharField(max_length=64, blank=True, help_text="of the archive that a library set came from")
    idempotency_key = models.CharField(max_length=100, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    prepare_beat_at = models.DateTimeField(null=True, blank=True, help_text="a preparing worker's last sign of life")
    prepare_tries = models.PositiveIntegerField(default=0, help_text="claims since the last progress")
    prepare_claim = models.PositiveIntegerField(default=0, help_text="fencing number of the worker that has it")
    checked = models.PositiveIntegerField(default=0)
    to_check = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["site", "name", "version"],
                condition=models.Q(project__isnull=True),
                name="library_set_version_unique",
            ),
            models.UniqueConstraint(
                fields=["project", "version"],
                condition=models.Q(project__isnull=False),
                name="project_set_version_unique",
            ),
            models.UniqueConstraint(
                fields=["project", "idempotency_key"],
                condition=~models.Q(idempotency_key=""),
                name="training_set_idempotency_unique",
            ),
        ]
        indexes = [
            models.Index(fields=["state", "created_at"]),
            models.Index(
                fields=["site", "course_key"], condition=models.Q(project__isnull=True), name="library_set_course_idx"
            ),
        ]


class Upload(models.Model):
    """A file on its way from the browser to the object store, under `tmp/` until a training set or a job takes it."""

    class Purpose(models.TextChoices):
        TRAINING_SET = "training_set"
        PREDICTION = "prediction"
        ARCHIVE = "archive"
        PREDICTION_ARCHIVE = "prediction_archive"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey("axons_exercises.Project", on_delete=models.CASCADE, related_name="uploads")
    purpose = models.CharField(max_length=20, choices=Purpose)
    name = models.CharField(max_length=255)
    content_type = models.CharField(max_length=100)
    bytes = models.PositiveBigIntegerField()
    key = models.CharField(max_length=500)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
    client_id = models.CharField(max_length=64, blank=True, help_text="made by the browser, for repeated requests")
    sha256 = models.CharField(
        max_length=64, blank=True, help_text="as the browser computed it; empty when it could not"
    )
    label = models.CharField(max_length=200, blank=True, help_text="the class it is meant for, kept for a reload")
    arrived_at = models.DateTimeField(null=True, blank=True, help_text="when the store was seen to have it in full")
    taken_by = models.ForeignKey(
        TrainingSet,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="uploads",
        help_text="the training set that was asked for with it",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project", "client_id"], condition=~models.Q(client_id=""), name="upload_client_id_unique"
            ),
        ]
        indexes = [models.Index(fields=["project", "sha256"], name="upload_project_sha256_idx")]


class LeakageCheck(models.Model):
    """How much of a hidden test set a training set holds. For staff alone: no learner's answer says anything of it."""

    training_set = models.ForeignKey(TrainingSet, on_delete=models.CASCADE, related_name="leakage_checks")
    hidden = models.ForeignKey(TrainingSet, on_delete=models.CASCADE, related_name="+")
    exact = models.PositiveIntegerField(help_text="pictures that are in the hidden test set")
    near = models.PositiveIntegerField(help_text="pictures that look almost like one in it")
    matches = models.JSONField(
        default=list, help_text="the first: [{sha256, name, label, hidden_name, kind, distance}]"
    )
    checked_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["training_set", "hidden"], name="leakage_check_unique")]


class Export(models.Model):
    """A training set as a zip, under `tmp/` for a day. One a day for each set, whoever asks."""

    class State(models.TextChoices):
        PREPARING = "preparing"
        READY = "ready"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    training_set = models.ForeignKey(TrainingSet, on_delete=models.CASCADE, related_name="exports")
    day = models.DateField()
    state = models.CharField(max_length=10, choices=State, default=State.PREPARING)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    bytes = models.PositiveBigIntegerField(default=0)
    message = models.TextField(blank=True)
    claim = models.PositiveIntegerField(default=0, help_text="fencing number of the worker that builds it")
    tries = models.PositiveIntegerField(default=0)
    beat_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["training_set", "day"], name="export_day_unique")]
        indexes = [models.Index(fields=["state", "created_at"])]
