"""Shapes of the graders' desk, for the OpenAPI document."""

from typing import Any

from rest_framework import serializers

from axons_service.grading.models import AuditEntry, DeskTask
from axons_service.grading.serializers import SubmissionSerializer
from axons_service.jobs.schemas import ModelSerializer, PredictionSerializer
from axons_service.training_sets.serializers import TrainingSetSerializer

Shape = serializers.Serializer[Any]


class AllowanceSerializer(Shape):
    """What a learner was granted beyond the spec."""

    extra_tries = serializers.IntegerField()
    extended_until = serializers.DateTimeField(allow_null=True)


class AuditEntrySerializer(Shape):
    """What a grader did, and what it changed."""

    id = serializers.IntegerField()
    submission = serializers.UUIDField()
    grader = serializers.CharField(help_text="anonymous user id")
    action = serializers.ChoiceField(choices=AuditEntry.Action.choices)
    before = serializers.DictField()
    after = serializers.DictField()
    reason = serializers.CharField(help_text="or the text of a note")
    created_at = serializers.DateTimeField()


class DeskSubmissionSerializer(Shape):
    """Everything that a grader looks at."""

    class CurvesSerializer(Shape):
        """The run's curves."""

        train = serializers.ListField(child=serializers.DictField())
        validation = serializers.ListField(child=serializers.DictField())

        class Meta:
            ref_name = "DeskCurves"

    class TwinSerializer(Shape):
        """Another learner's submission that equals this one."""

        submission = serializers.UUIDField()
        learner = serializers.CharField()
        kinds = serializers.ListField(child=serializers.ChoiceField(choices=["set", "weights", "curve"]))

        class Meta:
            ref_name = "DeskTwin"

    submission = SubmissionSerializer()
    spec = serializers.DictField(help_text="by which it was scored")
    spec_hash = serializers.CharField()
    training_set = TrainingSetSerializer(allow_null=True)
    model = ModelSerializer()
    curves = CurvesSerializer(allow_null=True, help_text="null when the run was deleted or cannot be read now")
    predictions = PredictionSerializer(many=True)
    history = SubmissionSerializer(many=True, help_text="of the same project, newest first")
    allowance = AllowanceSerializer()
    closes_at = serializers.DateTimeField(
        allow_null=True, help_text="when handing in ends for this learner by the LMS and the allowance; null for never"
    )
    duplicates = TwinSerializer(many=True)
    audit = AuditEntrySerializer(many=True, help_text="of the same project, newest first")


class RegradePreviewSerializer(Shape):
    """What a regrade would change."""

    class ChangeSerializer(Shape):
        """One submission's score before and after."""

        submission = serializers.UUIDField()
        learner = serializers.CharField()
        before = serializers.FloatField(allow_null=True)
        after = serializers.FloatField(allow_null=True)

        class Meta:
            ref_name = "RegradeChange"

    total = serializers.IntegerField(help_text="scored submissions")
    changed = serializers.IntegerField()
    raised = serializers.IntegerField()
    lowered = serializers.IntegerField()
    not_comparable = serializers.IntegerField(help_text="scored on another hidden test set or metric; left alone")
    changes = ChangeSerializer(many=True, help_text="the first 200")


class DeskTaskSerializer(Shape):
    """Something that is done in the background."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=DeskTask.Kind.choices)
    state = serializers.ChoiceField(choices=DeskTask.State.choices)
    done = serializers.IntegerField()
    changed = serializers.IntegerField()
    total = serializers.IntegerField()
    bytes = serializers.IntegerField(allow_null=True)
    grader = serializers.CharField(help_text="anonymous user id")
    submission = serializers.UUIDField(allow_null=True)
    message = serializers.CharField(allow_null=True)
    url = serializers.URLField(allow_null=True, help_text="to fetch an export for an hour")
    created_at = serializers.DateTimeField()


class DeskLinkSerializer(Shape):
    """A one-time link's token."""

    token = serializers.CharField()
    expires_at = serializers.DateTimeField()


class RedeemedSerializer(Shape):
    """A link that was good."""

    status = serializers.ChoiceField(choices=["redeemed"])
