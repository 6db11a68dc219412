"""Jobs, whose turn it is, attempts and events, and what jobs leave: models and predictions."""

import uuid
from datetime import UTC, datetime

from django.db import models

from axons_service.exercises.task_types import CLASSIFICATION
from axons_service.storage.models import Trashable

NEVER = datetime(2000, 1, 1, tzinfo=UTC)  # before everything: the turn of those who never had compute


class Job(Trashable):
    """One request for compute. The row is the outbox: a `queued` row without a message is found by the reconciler."""

    class Kind(models.TextChoices):
        TRAINING = "training"
        INFERENCE = "inference"
        EVALUATION = "evaluation"

    class State(models.TextChoices):
        QUEUED = "queued"
        DISPATCHED = "dispatched"
        PREPARING = "preparing"
        RUNNING = "running"
        FINISHING = "finishing"
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        CANCELLED = "cancelled"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey("axons_exercises.Project", on_delete=models.CASCADE, related_name="jobs")
    spec = models.ForeignKey("axons_exercises.Spec", on_delete=models.PROTECT, related_name="+")
    pool = models.ForeignKey("axons_compute.Pool", on_delete=models.PROTECT, related_name="jobs")
    kind = models.CharField(max_length=10, choices=Kind)
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    training_set = models.ForeignKey(
        "axons_training_sets.TrainingSet", null=True, blank=True, on_delete=models.PROTECT, related_name="jobs"
    )
    model = models.ForeignKey(
        "axons_jobs.Model",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="used_by",
        help_text="model used",
    )
    upload = models.ForeignKey(
        "axons_training_sets.Upload", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    hyperparameters = models.JSONField(default=dict, blank=True)
    idempotency_key = models.CharField(max_length=100)
    request_sha256 = models.CharField(max_length=64, help_text="of the request body, to tell a repeat from a clash")
    attempt = models.PositiveIntegerField(default=0, help_text="number of the newest attempt: the fencing token")
    cancel_requested = models.BooleanField(default=False)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    time_limit_seconds = models.PositiveIntegerField()
    event_seq = models.PositiveIntegerField(default=0, help_text="number of the newest event of this job")
    progress = models.JSONField(null=True, blank=True)
    metrics = models.JSONField(null=True, blank=True, help_text="newest metrics by split")
    failure_class = models.CharField(max_length=20, blank=True)
    failure_message = models.TextField(blank=True)
    not_before = models.DateTimeField(null=True, blank=True, help_text="backoff before the next attempt")
    waiting_since = models.DateTimeField(
        null=True, blank=True, help_text="when it began to wait again, after an attempt that ran; null before the first"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    dispatched_at = models.DateTimeField(null=True, blank=True)
    turn = models.ForeignKey(
        "axons_jobs.LearnerTurn", null=True, blank=True, on_delete=models.SET_NULL, related_name="jobs"
    )
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "idempotency_key"], name="job_idempotency_unique"),
        ]
        indexes = [
            models.Index(fields=["pool", "state", "kind"]),
            models.Index(fields=["state", "created_at"]),
            models.Index(fields=["project", "created_at"]),
            models.Index(fields=["state", "finished_at"]),
            models.Index(
                fields=["pool", "kind", "-finished_at"], name="job_measured", condition=models.Q(state="succeeded")
            ),
            models.Index(fields=["turn", "created_at"], name="job_turn", condition=models.Q(state="dispatched")),
            models.Index(
                fields=["pool", "kind", "created_at"],
                name="job_retried",
                condition=models.Q(state="dispatched", attempt__gt=0),
            ),
            models.Index(
                fields=["pool", "created_at"],
                name="job_turnless",
                condition=models.Q(state="dispatched", turn__isnull=True),
            ),
        ]


class CourseTurn(models.Model):
    """The place of a course in the line of one kind of job in one pool: the one served longest ago is next."""

    pool = models.ForeignKey("axons_compute.Pool", on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=10, choices=Job.Kind)
    limits = models.ForeignKey("axons_compute.CourseLimits", on_delete=models.CASCADE, related_name="+")
    served_at = models.DateTimeField(default=NEVER, help_text="when a job of it was claimed last")
    waiting_since = models.DateTimeField(null=True, blank=True, help_text="null: nothing of it can be claimed")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["pool", "kind", "limits"], name="course_turn_unique")]
        indexes = [
            models.Index(
                fields=["pool", "kind", "served_at", "waiting_since"],
                name="course_turn_next",
                condition=models.Q(waiting_since__isnull=False),
            )
        ]


class LearnerTurn(models.Model):
    """The place of a learner in the line of their course: the one served longest ago is next."""

    course_turn = models.ForeignKey(CourseTurn, on_delete=models.CASCADE, related_name="learners")
    learner = models.CharField(max_length=128)
    served_at = models.DateTimeField(default=NEVER, help_text="when a job of theirs was claimed last")
    waiting_since = models.DateTimeField(null=True, blank=True, help_text="null: nothing of theirs can be claimed")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["course_turn", "learner"], name="learner_turn_unique")]
        indexes = [
            models.Index(
                fields=["course_turn", "served_at", "waiting_since", "id"],
                name="learner_turn_next",
                condition=models.Q(waiting_since__isnull=False),
            )
        ]


class Attempt(models.Model):
    """One execution of a job. Its token is stored hashed and revoked when the attempt ends."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="attempts")
    number = models.PositiveIntegerField()
    runner = models.ForeignKey("axons_compute.Runner", null=True, on_delete=models.SET_NULL, related_name="attempts")
    token_sha256 = models.CharField(max_length=64)
    lease_expires_at = models.DateTimeField()
    received_seq = models.PositiveIntegerField(default=0, help_text="newest event number the runner sent")
    progressed_at = models.DateTimeField(
        null=True, blank=True, help_text="when its work last got on, which a heartbeat does not show; null before"
    )
    outcome = models.CharField(max_length=20, blank=True, help_text="empty while it lives")
    failure_class = models.CharField(max_length=20, blank=True)
    failure_message = models.TextField(blank=True)
    started_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["job", "number"], name="attempt_number_unique"),
            models.UniqueConstraint(
                fields=["job"], condition=models.Q(ended_at__isnull=True), name="attempt_living_unique"
            ),
        ]
        indexes = [
            models.Index(fields=["ended_at", "lease_expires_at"]),
            models.Index(fields=["failure_class"], condition=models.Q(outcome="lost"), name="attempt_lost"),
        ]


class Checkpoint(models.Model):
    """What a later attempt resumes from. Recorded only after the object is there."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="checkpoints")
    attempt = models.PositiveIntegerField()
    step = models.PositiveIntegerField()
    epoch = models.PositiveIntegerField()
    key = models.CharField(max_length=500)
    sha256 = models.CharField(max_length=64)
    bytes = models.PositiveBigIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["job", "attempt", "step"], name="checkpoint_step_unique")]
        indexes = [models.Index(fields=["created_at"], name="checkpoint_by_age")]


class Event(models.Model):
    """Something a watcher of a project sees. `id` increases over the whole service, `seq` within a job.

    `job` is null for events of the project itself (training sets, submissions).
    """

    project = models.ForeignKey("axons_exercises.Project", on_delete=models.CASCADE, related_name="events")
    job = models.ForeignKey(Job, null=True, blank=True, on_delete=models.CASCADE, related_name="events")
    seq = models.PositiveIntegerField(default=0)
    attempt = models.PositiveIntegerField(default=0)
    kind = models.CharField(max_length=20)
    data = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["job", "seq"], condition=models.Q(job__isnull=False), name="event_job_seq_unique"
            )
        ]
        indexes = [models.Index(fields=["project", "id"])]


class Archive(models.Model):
    """A finished job's events and log lie in the object store; of its rows in `Event` only the `state` ones are left.

    Keys: `storage.keys.job_events_key` and `job_log_key`. Written after the objects:
    a row means they are there.
    """

    job = models.OneToOneField(Job, on_delete=models.CASCADE, related_name="archive")
    project = models.ForeignKey("axons_exercises.Project", on_delete=models.CASCADE, related_name="+")
    first_event = models.PositiveBigIntegerField(help_text="id of the job's first event")
    last_event = models.PositiveBigIntegerField(help_text="id of the job's last event")
    bytes = models.PositiveBigIntegerField(help_text="of both objects")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["project", "last_event"])]


class Model(Trashable):
    """What a training job leaves, or an author supplies: safetensors weights, manifest, metrics, ONNX export."""

    class Source(models.TextChoices):
        TRAINED = "trained"
        SUPPLIED = "supplied"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    site = models.ForeignKey("axons_sites.Site", on_delete=models.CASCADE, related_name="models")
    project = models.ForeignKey(
        "axons_exercises.Project", null=True, blank=True, on_delete=models.CASCADE, related_name="models"
    )
    job = models.OneToOneField(Job, null=True, blank=True, on_delete=models.CASCADE, related_name="produced_model")
    source = models.CharField(max_length=10, choices=Source)
    name = models.SlugField(max_length=100, blank=True, help_text="library name of a supplied model")
    title = models.CharField(max_length=200)
    architecture = models.CharField(max_length=50)
    classes = models.JSONField(default=list)
    metrics = models.JSONField(default=dict)
    description = models.JSONField(default=dict, help_text="model.json as the runner wrote it")
    files = models.JSONField(
        default=list, help_text="[{name, key, sha256, bytes}]; this row is the manifest, written last"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["site", "name"], condition=models.Q(project__isnull=True), name="supplied_model_name_unique"
            )
        ]

    @property
    def task(self) -> str:
        """What it was trained for. Models of before there were several tasks do not say: they are classifiers."""
        return str(self.description.get("task", CLASSIFICATION))


class Prediction(models.Model):
    """What an inference job leaves."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    job = models.OneToOneField(Job, on_delete=models.CASCADE, related_name="prediction")
    model = models.ForeignKey(Model, on_delete=models.CASCADE, related_name="predictions")
    file = models.CharField(max_length=255)
    probabilities = models.JSONField(help_text="[{label, probability}], most probable first; empty for a mask")
    data = models.JSONField(default=dict, help_text="of a mask: {classes: [{label, share}], colours: {label: #rrggbb}}")
    files = models.JSONField(default=list, help_text="[{name, key, sha256, bytes}]")
    seconds = models.FloatField(help_text="time of the inference on the runner, in seconds")
    created_at = models.DateTimeField(auto_now_add=True)


class PredictionBatch(models.Model):
    """An inference on many pictures: which, and what it leaves. With a zip, that is the job's `upload`."""

    job = models.OneToOneField(Job, on_delete=models.CASCADE, related_name="batch")
    name = models.CharField(max_length=255, blank=True, help_text="of the zip; empty for single pictures")
    pictures = models.ManyToManyField("axons_training_sets.Upload", related_name="+")
    counts = models.JSONField(
        default=dict, help_text="empty before it is over: {pictures, predicted, refused, classes: {label: count}}"
    )
    files = models.JSONField(default=list, help_text="[{name, key, sha256, bytes}]")
    seconds = models.FloatField(null=True, blank=True, help_text="time on the runner, in seconds")
    created_at = models.DateTimeField(auto_now_add=True)
