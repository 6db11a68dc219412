"""Pools of compute, the runners in them, and what a course may use of them."""

from datetime import datetime

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models

from axons_service.compute.windows import windows_parse


def warm_windows_check(value: object) -> None:
    """A validator: the sentence that says which window makes no sense."""
    try:
        windows_parse(value)
    except ValueError as error:
        raise ValidationError(str(error)) from error


class Pool(models.Model):
    """A named kind of compute with a provider and limits."""

    class Provider(models.TextChoices):
        LOCAL = "local"
        STATIC = "static"
        KUBERNETES = "kubernetes"
        OVH = "ovh"

    name = models.SlugField(unique=True)
    title = models.CharField(max_length=200)
    provider = models.CharField(max_length=20, choices=Provider)
    token_sha256 = models.CharField(max_length=64, help_text="of the pool token that runners claim with")
    options = models.JSONField(default=dict, blank=True, help_text="provider options, e.g. pool_token_file")
    min_runners = models.PositiveIntegerField(default=0)
    max_runners = models.PositiveIntegerField(default=1)
    idle_seconds = models.PositiveIntegerField(default=900, help_text="a runner without work for this long is stopped")
    price_per_hour = models.DecimalField(
        max_digits=10, decimal_places=4, default=0, help_text="of one machine while it is billed, in the currency"
    )
    currency = models.CharField(max_length=3, default="EUR")
    billing_unit_seconds = models.PositiveIntegerField(
        default=1, help_text="what is begun is paid: 60 at OVHcloud, 3600 where machines are rented by the hour"
    )
    start_timeout_seconds = models.PositiveIntegerField(
        default=900, help_text="a machine that does not run after this long is given back"
    )
    warm_windows = models.JSONField(
        default=list,
        blank=True,
        validators=[warm_windows_check],
        help_text='lesson hours: [{"days": "mon-fri", "from": "07:45", "until": "12:00", "runners": 20, '
        '"zone": "Europe/Paris"}]',
    )
    spare_runners = models.PositiveIntegerField(default=0, help_text="free runners kept beside those that train")
    target_wait_seconds = models.PositiveIntegerField(
        default=10, help_text="a machine is started for work that would wait longer than this"
    )
    cool_down_seconds = models.PositiveIntegerField(
        default=0, help_text="after a machine was started, none is stopped for so long"
    )
    budget_per_day = models.DecimalField(
        max_digits=10,
        decimal_places=2,
        null=True,
        blank=True,
        help_text="money of a UTC day for machines; at 100 % what runs is finished and no training begins",
    )
    budget_spent_on = models.DateField(
        null=True, blank=True, editable=False, help_text="the last day on which the budget was used up"
    )
    desired_runners = models.PositiveIntegerField(
        default=0, editable=False, help_text="machines that the last decision asked for"
    )
    scaling_reason = models.CharField(
        max_length=500, blank=True, editable=False, help_text="why it has as many machines as it has"
    )
    blocked_until = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="no machine is asked for before: the provider had none"
    )
    quiet_until = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="nothing at all is asked of its provider before: it said so"
    )
    provider_error = models.CharField(max_length=500, blank=True, editable=False, help_text="the last one, or empty")
    scaling_since = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="when the round began that looks after it now"
    )
    is_scaling_wanted = models.BooleanField(
        default=False,
        db_default=False,
        editable=False,
        help_text="work came while a round was under way: another one follows",
    )
    is_active = models.BooleanField(default=True)

    def __str__(self) -> str:
        return self.name

    def is_blocked(self, now: datetime) -> bool:
        """Whether no machine is asked for now: the provider had none, refused, or wants to be left alone."""
        return self.is_quiet(now) or (self.blocked_until is not None and self.blocked_until > now)

    def is_quiet(self, now: datetime) -> bool:
        """Whether the provider said that it wants to hear nothing for a while."""
        return self.quiet_until is not None and self.quiet_until > now


class Deployment(models.Model):
    """The one row that names this database's deployment, where the setting AXONS_DEPLOYMENT does not."""

    label = models.CharField(max_length=32, help_text="stands in the labels of every machine")

    def __str__(self) -> str:
        return self.label


class Runner(models.Model):
    """A process of axons_runner. The row is committed before the provider's start, so that no machine is unknown."""

    class State(models.TextChoices):
        STARTING = "starting"
        ACTIVE = "active"
        STOPPING = "stopping"
        GONE = "gone"

    pool = models.ForeignKey(Pool, on_delete=models.CASCADE, related_name="runners")
    name = models.CharField(max_length=100)
    state = models.CharField(max_length=10, choices=State, default=State.STARTING)
    handle = models.JSONField(default=dict, help_text="what the provider needs to find it again")
    device = models.CharField(max_length=100, blank=True)
    version = models.CharField(max_length=50, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    ready_at = models.DateTimeField(
        null=True, blank=True, help_text="its first claim: how long a machine takes to start"
    )
    last_seen_at = models.DateTimeField(null=True, blank=True)
    alive_at = models.DateTimeField(null=True, blank=True, help_text="when its provider first said that it runs")
    token_sha256 = models.CharField(
        max_length=64,
        blank=True,
        default="",
        db_default="",
        editable=False,
        db_index=True,
        help_text="of its own token, once it has enrolled",
    )
    training_slot_kind = models.CharField(
        max_length=10, blank=True, help_text="kind of the job its training slot took last"
    )
    busy_at = models.DateTimeField(null=True, blank=True, help_text="when it last held a job")
    stopping_at = models.DateTimeField(null=True, blank=True, help_text="when it was asked to stop")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["pool", "name"], name="runner_name_unique")]
        indexes = [models.Index(fields=["pool", "state"])]

    def __str__(self) -> str:
        return self.name


class MachineUse(models.Model):
    """The time of one machine that is paid for. Kept when the runner's row is long forgotten."""

    pool = models.ForeignKey(Pool, on_delete=models.PROTECT, related_name="uses")
    runner_name = models.CharField(max_length=100)
    handle = models.JSONField(help_text="what the provider calls it")
    handle_sha256 = models.CharField(max_length=64)
    price_per_hour = models.DecimalField(max_digits=10, decimal_places=4, help_text="when it was started")
    currency = models.CharField(max_length=3)
    created_at = models.DateTimeField(auto_now_add=True)
    billed_from = models.DateTimeField(null=True, blank=True)
    billed_until = models.DateTimeField(null=True, blank=True)
    is_closed = models.BooleanField(default=False, help_text="nothing will be added to its bill")
    unknown_since = models.DateTimeField(
        null=True, blank=True, help_text="when it was first seen without a runner of ours: it is stopped after a grace"
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["pool", "handle_sha256"], name="machine_use_once")]
        indexes = [
            models.Index(fields=["pool", "is_closed"], name="machine_use_open"),
            models.Index(fields=["billed_from"], name="machine_use_time"),
            models.Index(fields=["billed_until"], name="machine_use_until"),
        ]

    def __str__(self) -> str:
        return f"{self.runner_name} ({self.pool_id})"


class ProviderFault(models.Model):
    """How often a pool's provider did not do what it was asked, since the pool exists."""

    class Kind(models.TextChoices):
        NO_CAPACITY = "no_capacity"
        REJECTED = "rejected"
        UNREACHABLE = "unreachable"
        DEFECT = "defect", "a defect of ours"

    pool = models.ForeignKey(Pool, on_delete=models.CASCADE, related_name="faults")
    kind = models.CharField(max_length=20, choices=Kind)
    count = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["pool", "kind"], name="provider_fault_unique")]

    def __str__(self) -> str:
        return f"{self.kind} ({self.pool_id})"


class CourseLimits(models.Model):
    """What one course of one site may use, set by an operator. An empty limit means that there is none.

    The row exists for every course that ever had a job: its lock is where claims for a course with a limit meet.
    """

    class Period(models.TextChoices):
        DAY = "day"
        WEEK = "week"
        MONTH = "month"
        ALWAYS = "always"

    site = models.ForeignKey("axons_sites.Site", on_delete=models.CASCADE, related_name="course_limits")
    course_key = models.CharField(max_length=255)
    max_running = models.PositiveIntegerField(
        "trainings at once", null=True, blank=True, validators=[MinValueValidator(1)]
    )
    course_minutes = models.PositiveIntegerField(
        null=True, blank=True, help_text="compute minutes of the whole course in each period"
    )
    learner_minutes = models.PositiveIntegerField(
        null=True, blank=True, help_text="compute minutes of each learner in each period"
    )
    period = models.CharField(
        max_length=10, choices=Period, default=Period.MONTH, help_text="when minutes are renewed (UTC); always: never"
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["site", "course_key"], name="course_limits_unique")]
        verbose_name_plural = "course limits"

    def __str__(self) -> str:
        return self.course_key


class SiteLimits(models.Model):
    """What all courses of one site together may run. A site without a row, or with an empty limit, has none."""

    site = models.OneToOneField("axons_sites.Site", on_delete=models.CASCADE, related_name="compute_limits")
    max_running = models.PositiveIntegerField(
        "trainings at once", null=True, blank=True, validators=[MinValueValidator(1)]
    )

    class Meta:
        verbose_name_plural = "site limits"

    def __str__(self) -> str:
        return f"site {self.site_id}"


class ComputeUse(models.Model):
    """Seconds that a training slot worked, by day: one row per learner, and one with an empty learner for the course.

    Added in the transaction that ends an attempt, which happens once; so nothing is counted twice.
    """

    limits = models.ForeignKey(CourseLimits, on_delete=models.CASCADE, related_name="use")
    learner = models.CharField(max_length=128, blank=True)
    day = models.DateField(help_text="UTC")
    seconds = models.FloatField(default=0.0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["limits", "learner", "day"], name="compute_use_unique")]
