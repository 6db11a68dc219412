"""The shapes of `/api/v1` answers about jobs, for the OpenAPI document. The values come from `serializers`."""

from typing import Any

from rest_framework import serializers

from axons_service.exercises.task_types import Task
from axons_service.jobs.failures import FailureClass
from axons_service.jobs.models import Job, Model

QUEUE_REASONS = ("course_limit", "budget_used_up", "no_runner", "not_measured", "no_machine", "pool_budget")
EVENT_KINDS = ("state", "metrics", "resources", "log", "progress", "training_set", "submission", "trash")
Shape = serializers.Serializer[Any]


class FailureSerializer(Shape):
    """Why a job failed; `message` is a sentence for the person."""

    # `class` is a Python keyword, so the field is added by name
    message = serializers.CharField()

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {"class": serializers.ChoiceField(choices=[str(item) for item in FailureClass]), **super().get_fields()}


class QueueReasonSerializer(Shape):
    """What a job waits for, or why nobody can say when it starts."""

    code = serializers.ChoiceField(choices=QUEUE_REASONS)
    message = serializers.CharField(help_text="a sentence for the person")
    limit = serializers.IntegerField(allow_null=True, help_text="course_limit: trainings of the course at once")
    running = serializers.IntegerField(allow_null=True, help_text="course_limit: those that run now")


class QueueSerializer(Shape):
    """Where a waiting job stands; all null when it does not wait.

    The seconds until it starts are the median, p5 and p95; null with a `reason` when nobody can say.
    """

    position = serializers.IntegerField(allow_null=True, help_text="1 is next")
    eta_seconds = serializers.FloatField(allow_null=True)
    eta_low_seconds = serializers.FloatField(allow_null=True)
    eta_high_seconds = serializers.FloatField(allow_null=True)
    measurements = serializers.IntegerField(help_text="the fewest measured run times that the estimate rests on")
    measured_on = serializers.ChoiceField(
        choices=["spec", "kind", "pool"],
        allow_null=True,
        help_text="what they were of: the same spec, the same kind and architecture, the same kind in the pool",
    )
    reason = QueueReasonSerializer(allow_null=True)


class BatchSerializer(Shape):
    """An inference on many pictures; what it counts is null before it is over."""

    name = serializers.CharField(allow_blank=True, help_text="of the zip; empty for single pictures")
    pictures = serializers.IntegerField(allow_null=True)
    predicted = serializers.IntegerField(allow_null=True)
    refused = serializers.IntegerField(allow_null=True, help_text="could not be read; the table says why")
    classes = serializers.DictField(
        child=serializers.IntegerField(),
        allow_null=True,
        help_text="{class: in how many pictures it is the most probable, or covers most}",
    )
    seconds = serializers.FloatField(allow_null=True, help_text="time on the runner")


class BatchFileSerializer(Shape):
    """A file to save; the URL is good for `expires_in` seconds."""

    name = serializers.CharField()
    bytes = serializers.IntegerField()
    url = serializers.CharField()
    expires_in = serializers.IntegerField()


class BatchFilesSerializer(Shape):
    """`predictions.csv`, one line a picture; for segmentation `masks.zip` too."""

    job = serializers.UUIDField()
    files = BatchFileSerializer(many=True)


class JobSerializer(Shape):
    """A job as its learner sees it."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=Job.Kind.choices)
    state = serializers.ChoiceField(choices=Job.State.choices)
    attempt = serializers.IntegerField()
    training_set = serializers.UUIDField(allow_null=True)
    hyperparameters = serializers.DictField(allow_null=True)
    model = serializers.UUIDField(allow_null=True, help_text="produced by a training, used by the other kinds")
    prediction = serializers.UUIDField(allow_null=True)
    batch = BatchSerializer(allow_null=True, help_text="of an inference on many pictures")
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    progress = serializers.DictField(allow_null=True, help_text="the newest progress")
    metrics = serializers.DictField(allow_null=True, help_text="the newest metrics by split")
    failure = FailureSerializer(allow_null=True)
    queue = QueueSerializer()
    cancel_requested = serializers.BooleanField()


class EventSerializer(Shape):
    """Something a watcher of a project sees. `data` depends on `kind`."""

    id = serializers.IntegerField(help_text="increases over the whole service")
    job = serializers.UUIDField(allow_null=True)
    seq = serializers.IntegerField(help_text="increases within a job")
    attempt = serializers.IntegerField()
    kind = serializers.ChoiceField(choices=EVENT_KINDS)
    time = serializers.DateTimeField()

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        # a class attribute named `data` would hide Serializer.data
        return {**super().get_fields(), "data": serializers.DictField()}


class EventPageSerializer(Shape):
    """The next events; ask again with `after=cursor`."""

    events = EventSerializer(many=True)
    cursor = serializers.IntegerField()


class SeriesSerializer(Shape):
    """Curves of at most 500 points each."""

    train = serializers.ListField(child=serializers.DictField())
    validation = serializers.ListField(child=serializers.DictField())
    resources = serializers.ListField(child=serializers.DictField())


class ArtifactSerializer(Shape):
    """A file to download; the URL is good for an hour."""

    name = serializers.CharField()
    bytes = serializers.IntegerField()
    url = serializers.CharField(allow_null=True)


class ModelSerializer(Shape):
    """A trained or supplied model."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    job = serializers.UUIDField(allow_null=True)
    training_set = serializers.UUIDField(allow_null=True)
    architecture = serializers.CharField()
    task = serializers.ChoiceField(choices=Task.choices)
    classes = serializers.ListField(child=serializers.CharField())
    metrics = serializers.DictField()
    hyperparameters = serializers.DictField()
    created_at = serializers.DateTimeField()
    artifacts = ArtifactSerializer(many=True)
    source = serializers.ChoiceField(choices=Model.Source.choices)  # type: ignore[assignment]


class ProbabilitySerializer(Shape):
    label = serializers.CharField()  # type: ignore[assignment]
    probability = serializers.FloatField()


class ShareSerializer(Shape):
    label = serializers.CharField()  # type: ignore[assignment]
    share = serializers.FloatField(help_text="of the picture's pixels, 0 to 1")


class PredictionSerializer(Shape):
    """What a model says about one picture."""

    id = serializers.UUIDField()
    job = serializers.UUIDField()
    model = serializers.UUIDField()
    created_at = serializers.DateTimeField()
    file = serializers.CharField()
    probabilities = ProbabilitySerializer(many=True)
    picture_url = serializers.CharField(allow_null=True)
    overlay_url = serializers.CharField(allow_null=True)
    mask_url = serializers.CharField(allow_null=True, help_text="segmentation: a PNG whose values are classes")
    shares = ShareSerializer(many=True, help_text="segmentation: how much of the picture each class covers")
    colours = serializers.DictField(child=serializers.CharField(), help_text="segmentation: {class: #rrggbb}")
    seconds = serializers.FloatField(help_text="time on the runner")
