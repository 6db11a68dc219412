"""Shapes of specs and projects, for the OpenAPI document."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from axons_service.compute.schemas import BudgetSerializer
from axons_service.exercises.task_types import Task
from axons_service.grading.serializers import SubmissionSerializer
from axons_service.jobs.schemas import JobSerializer, ModelSerializer, PredictionSerializer
from axons_service.operations.retention.serializers import StorageSerializer
from axons_service.sites.callers import Role
from axons_service.training_sets.serializers import TrainingSetSerializer

Shape = serializers.Serializer[Any]


@extend_schema_field(OpenApiTypes.OBJECT)
class SpecField(serializers.JSONField):
    """An author's configuration; `specs.spec_check` is the authority on its shape."""


class ExerciseSerializer(Shape):
    """One XBlock placement."""

    usage = serializers.CharField()
    course = serializers.CharField()


class TriesSerializer(Shape):
    """How often a learner may hand in; `max` and `left` are null when there is no limit."""

    used = serializers.IntegerField()
    max = serializers.IntegerField(allow_null=True)
    left = serializers.IntegerField(allow_null=True)


class ProjectStateSerializer(Shape):
    """Everything that a project's page shows."""

    id = serializers.UUIDField()
    exercise = ExerciseSerializer()
    spec = SpecField(help_text="for learners without `hidden_test_set`")
    spec_hash = serializers.CharField()
    role = serializers.ChoiceField(choices=[role.value for role in Role if role != Role.SITE])
    starter_set = TrainingSetSerializer(allow_null=True)
    training_sets = TrainingSetSerializer(many=True)
    jobs = JobSerializer(many=True)
    models = ModelSerializer(many=True)
    predictions = PredictionSerializer(many=True)
    submissions = SubmissionSerializer(many=True)
    tries = TriesSerializer()
    extended_until = serializers.DateTimeField(allow_null=True, help_text="a learner's own later due date")
    closes_at = serializers.DateTimeField(
        allow_null=True,
        help_text="when handing in ends for this learner, grace and extensions included; null for never",
    )
    reopened = serializers.BooleanField(
        help_text="whether one more may be handed in after that: the last was given back, or lost by our fault"
    )
    best_score = serializers.FloatField(allow_null=True, help_text="0 to 1; null while the author keeps it back")
    results_withheld = serializers.BooleanField(help_text="whether the author keeps scores from this learner now")
    results_at = serializers.DateTimeField(
        allow_null=True, help_text="when that ends; null for never, and where nothing is kept back"
    )
    budget = BudgetSerializer(allow_null=True, help_text="the scarcest limit of compute; null when there is none")
    cursor = serializers.IntegerField(help_text="id of the last event that this state includes")
    supplied_model = ModelSerializer(allow_null=True)
    runs = serializers.ListField(
        child=serializers.UUIDField(), help_text="all runs ever, oldest first: a run's number is its place here"
    )
    storage = StorageSerializer()


class GradeBookSerializer(Shape):
    """A learner's grade as the LMS should have it, scores that its learner may not see yet included."""

    revision = serializers.IntegerField(help_text="the newest; an LMS applies only a higher one than it has")
    score = serializers.FloatField(help_text="0 to 1")
    delivered_revision = serializers.IntegerField(allow_null=True, help_text="the newest that the LMS has accepted")


class BundleSerializer(Shape):
    """A project and the keys to read it from a browser."""

    project = ProjectStateSerializer()
    read_token = serializers.CharField()
    read_token_expires_at = serializers.DateTimeField()
    api_url = serializers.URLField()
    stream_url = serializers.URLField()
    grade_book = GradeBookSerializer(
        allow_null=True, help_text="for the LMS alone, which passes it on to no browser; null before the first grade"
    )


class LibrarySetSerializer(Shape):
    """A set that an author may choose."""

    id = serializers.UUIDField()
    name = serializers.CharField(help_text="as a spec names it; of a set of the course with its content's hash")
    content_sha256 = serializers.CharField(help_text="of classes, pictures, labels and splits; empty where unknown")
    version = serializers.IntegerField()
    is_own = serializers.BooleanField(help_text="whether authors of this course published it; else it is the site's")
    task = serializers.ChoiceField(choices=Task.choices)
    title = serializers.CharField()
    description = serializers.CharField()
    classes = serializers.ListField(child=serializers.CharField())
    count = serializers.IntegerField()
    licence = serializers.CharField()


class LibraryModelSerializer(Shape):
    """A supplied model that an author may choose."""

    name = serializers.CharField()
    task = serializers.ChoiceField(choices=Task.choices)
    title = serializers.CharField()
    classes = serializers.ListField(child=serializers.CharField())
    architecture = serializers.CharField()


class LibraryPoolSerializer(Shape):
    """A kind of compute that an author may choose."""

    name = serializers.CharField()
    title = serializers.CharField()


class ArchitectureSerializer(Shape):
    """A network that runners can train."""

    name = serializers.CharField()
    task = serializers.ChoiceField(choices=Task.choices)
    title = serializers.CharField()
    description = serializers.CharField()


class LibrarySerializer(Shape):
    """Everything that an author chooses from."""

    starter_sets = LibrarySetSerializer(many=True)
    hidden_test_sets = LibrarySetSerializer(many=True)
    models = LibraryModelSerializer(many=True)
    pools = LibraryPoolSerializer(many=True)
    architectures = ArchitectureSerializer(many=True)
