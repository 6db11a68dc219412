"""A training set as the API shows it."""

from typing import Any

from rest_framework import serializers

from axons_service.training_sets.models import TrainingSet


class ReportLineSerializer(serializers.Serializer[Any]):
    """What became of one file."""

    file = serializers.CharField()
    accepted = serializers.BooleanField()
    reason = serializers.CharField(allow_null=True, help_text="a sentence that names the file")
    code = serializers.CharField()


class TrainingSetSerializer(serializers.Serializer[Any]):
    """One version of a set of labelled images."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    version = serializers.IntegerField()
    kind = serializers.ChoiceField(choices=["starter", "project"])
    parent = serializers.UUIDField(allow_null=True)  # type: ignore[assignment]
    state = serializers.ChoiceField(choices=TrainingSet.State.choices)
    classes = serializers.ListField(child=serializers.CharField())
    counts = serializers.DictField(child=serializers.DictField(child=serializers.IntegerField()))
    image_count = serializers.IntegerField()
    manifest_sha256 = serializers.CharField(allow_null=True)
    report = ReportLineSerializer(many=True)
    created_at = serializers.DateTimeField()
    licence = serializers.CharField()
    credits = serializers.CharField()
    message = serializers.CharField(allow_null=True)


def training_set_output(training_set: TrainingSet) -> dict[str, Any]:
    """The set as JSON-ready values."""
    return {
        "id": str(training_set.pk),
        "name": training_set.title,
        "version": training_set.version,
        "kind": training_set.kind,
        "parent": str(training_set.parent_id) if training_set.parent_id else None,
        "state": training_set.state,
        "classes": training_set.classes,
        "counts": training_set.counts,
        "image_count": training_set.image_count,
        "manifest_sha256": training_set.manifest_sha256 or None,
        "report": training_set.report,
        "created_at": training_set.created_at.isoformat(),
        "licence": training_set.licence,
        "credits": training_set.credits,
        "message": training_set.message or None,
    }


class ImageSerializer(serializers.Serializer[Any]):
    """One image of a training set."""

    sha256 = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    split = serializers.ChoiceField(choices=["train", "validation"])
    name = serializers.CharField()
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    url = serializers.URLField(help_text="presigned, for an hour")
