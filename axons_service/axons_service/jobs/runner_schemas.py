"""The shapes of `/runner/v1`: what is checked on the way in, and what the OpenAPI document says of the way out."""

from typing import Any

from rest_framework import serializers

from axons_service.jobs.failures import REPORTED
from axons_service.jobs.models import Job
from axons_service.jobs.services.finish import OUTCOMES
from axons_service.operations.strict import StrictSerializer

Shape = StrictSerializer
MAX_COUNT = 2**31 - 1
MAX_BYTES = 2**40
MAX_EVENTS = 1000
MAX_LOG_CHARACTERS = 65_536
SHA256 = r"^[0-9a-f]{64}$"


def checked(shape: type[Shape], data: Any) -> dict[str, Any]:
    """The validated body. Raises DRF's ValidationError, which is answered as problem 400."""
    body = shape(data=data)
    body.is_valid(raise_exception=True)
    return dict(body.validated_data)


class RunnerSerializer(Shape):
    """Who claims. `slots` are the free ones."""

    name = serializers.RegexField(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")
    version = serializers.CharField(max_length=50, allow_blank=True, default="")
    device = serializers.CharField(max_length=100, allow_blank=True, default="")
    slots = serializers.ListField(child=serializers.ChoiceField(choices=["training", "inference"]))
    architectures = serializers.ListField(
        child=serializers.CharField(max_length=50), default=list, help_text="those it knows; empty for all"
    )
    batches = serializers.BooleanField(default=False, help_text="whether it predicts many pictures in one job")


class ClaimSerializer(Shape):
    """A claim; `wait` in seconds, at most 60."""

    runner = RunnerSerializer()
    wait = serializers.FloatField(min_value=0, max_value=3600, default=0)


class ObjectSerializer(Shape):
    """An object to fetch and verify."""

    name = serializers.CharField(required=False)
    sha256 = serializers.CharField()
    bytes = serializers.IntegerField()
    url = serializers.CharField()


class ManifestSerializer(Shape):
    url = serializers.CharField()
    sha256 = serializers.CharField()


class AssignedSetSerializer(Shape):
    """For an evaluation this is the hidden test set."""

    id = serializers.UUIDField()
    manifest = ManifestSerializer()
    shards = ObjectSerializer(many=True)


class AssignedModelSerializer(Shape):
    files = ObjectSerializer(many=True)


class PictureSerializer(Shape):
    name = serializers.CharField()
    url = serializers.CharField()
    bytes = serializers.IntegerField()


class AssignedBatchSerializer(Shape):
    """Many pictures: either a zip, as a learner made it, or pictures."""

    archive = PictureSerializer(allow_null=True)
    pictures = PictureSerializer(many=True)
    max_pictures = serializers.IntegerField(help_text="a zip with more is refused")


class ResumeSerializer(Shape):
    """The furthest checkpoint of earlier attempts."""

    step = serializers.IntegerField()
    epoch = serializers.IntegerField()
    file = ObjectSerializer()


class AssignmentSerializer(Shape):
    """Everything an attempt needs."""

    job = serializers.UUIDField()
    attempt = serializers.IntegerField(help_text="the fencing token: every later call names it")
    token = serializers.CharField()
    kind = serializers.ChoiceField(choices=Job.Kind.choices)
    task = serializers.CharField()
    lease_seconds = serializers.FloatField()
    time_limit_seconds = serializers.IntegerField()
    event_interval_seconds = serializers.FloatField()
    hyperparameters = serializers.DictField(allow_null=True)
    classes = serializers.ListField(child=serializers.CharField())
    training_set = AssignedSetSerializer(allow_null=True)
    model = AssignedModelSerializer(allow_null=True)
    picture = PictureSerializer(allow_null=True)
    batch = AssignedBatchSerializer(allow_null=True)
    resume = ResumeSerializer(allow_null=True)


class RunnerEventSerializer(Shape):
    """One event. `time` is the runner's clock, for its log alone: watchers see the service's."""

    kind = serializers.ChoiceField(choices=["metrics", "resources", "log", "progress"])
    time = serializers.CharField(required=False, max_length=64)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        # a class attribute named `data` would hide Serializer.data
        return {**super().get_fields(), "data": serializers.DictField()}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["kind"] == "metrics" and attrs["data"].get("split") not in ("train", "validation"):
            raise serializers.ValidationError({"data": "Metrics name their split: train or validation."})
        return attrs


class AttemptSerializer(Shape):
    attempt = serializers.IntegerField(min_value=1, max_value=MAX_COUNT)


class EventsSerializer(AttemptSerializer):
    """A batch of events; `seq` is the number of its first, counted from 1 in each attempt."""

    seq = serializers.IntegerField(min_value=1, max_value=MAX_COUNT)
    events = serializers.ListField(child=RunnerEventSerializer(), max_length=MAX_EVENTS, default=list)
    log = serializers.CharField(
        allow_blank=True, allow_null=True, default="", max_length=MAX_LOG_CHARACTERS, trim_whitespace=False
    )

    def validate_log(self, value: str | None) -> str:
        return value or ""


class HeartbeatSerializer(Shape):
    cancel = serializers.BooleanField(help_text="stop now and finish with outcome cancelled")
    lease_seconds = serializers.FloatField()


class FileSerializer(Shape):
    """A file of the attempt."""

    name = serializers.CharField(max_length=100)
    bytes = serializers.IntegerField(min_value=0, max_value=MAX_BYTES)
    sha256 = serializers.RegexField(SHA256)


class ArtifactUploadSerializer(FileSerializer):
    content_type = serializers.CharField(max_length=100, default="application/octet-stream")


class UploadsSerializer(AttemptSerializer):
    purpose = serializers.ChoiceField(choices=["checkpoint", "artifact"])
    files = serializers.ListField(child=ArtifactUploadSerializer(), min_length=1, max_length=100)


class UploadUrlSerializer(Shape):
    name = serializers.CharField()
    key = serializers.CharField()
    url = serializers.CharField()
    method = serializers.CharField()
    headers = serializers.DictField(child=serializers.CharField())


class UploadUrlsSerializer(Shape):
    files = UploadUrlSerializer(many=True)


class CheckpointSerializer(AttemptSerializer):
    step = serializers.IntegerField(min_value=0, max_value=MAX_COUNT)
    epoch = serializers.IntegerField(min_value=0, max_value=MAX_COUNT)
    name = serializers.CharField(max_length=100)
    key = serializers.CharField(max_length=500)
    sha256 = serializers.RegexField(SHA256)
    bytes = serializers.IntegerField(min_value=0, max_value=MAX_BYTES)


class CheckpointOutputSerializer(Shape):
    step = serializers.IntegerField()
    epoch = serializers.IntegerField()


class FinishFileSerializer(FileSerializer):
    key = serializers.CharField(max_length=500)


class RunnerFailureSerializer(Shape):
    """`message` is shown to the learner for invalid_input, out_of_memory and time_limit only."""

    message = serializers.CharField(allow_blank=True, default="", max_length=20_000)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        # `class` is a Python keyword
        return {"class": serializers.ChoiceField(choices=[str(item) for item in REPORTED]), **super().get_fields()}


class FinishSerializer(AttemptSerializer):
    outcome = serializers.ChoiceField(choices=list(OUTCOMES))
    files = serializers.ListField(child=FinishFileSerializer(), max_length=100, default=list)
    result = serializers.DictField(default=dict)
    failure = RunnerFailureSerializer(allow_null=True, default=None)


class FinishOutputSerializer(Shape):
    state = serializers.ChoiceField(choices=Job.State.choices)
