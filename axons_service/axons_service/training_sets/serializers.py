"""A training set as the API shows it."""

from typing import Any

from rest_framework import serializers

from axons_service.exercises.task_types import SEGMENTATION, Task
from axons_service.training_sets.models import TrainingSet
from axons_service.training_sets.palette import class_colours


class ReportLineSerializer(serializers.Serializer[Any]):
    """What became of one file."""

    file = serializers.CharField()
    accepted = serializers.BooleanField()
    reason = serializers.CharField(allow_null=True, help_text="a sentence that names the file")
    code = serializers.CharField()


class WarningSerializer(serializers.Serializer[Any]):
    """Something that does not stop a training but may spoil it."""

    code = serializers.ChoiceField(choices=["few_pictures", "nothing_kept_back", "uneven_classes", "near_duplicates"])
    label = serializers.CharField(allow_blank=True)  # type: ignore[assignment]
    message = serializers.CharField(help_text="a sentence for the person")


class SetProgressSerializer(serializers.Serializer[Any]):
    """How far the check of a set that is being prepared has come."""

    done = serializers.IntegerField()
    total = serializers.IntegerField()


class SetChangesSerializer(serializers.Serializer[Any]):
    """How a version came to be from the one before it."""

    kind = serializers.ChoiceField(choices=["pictures", "changes", "reverted", "imported", "library", "forked"])
    counts = serializers.DictField(child=serializers.IntegerField(), help_text="{code: how many files or changes}")
    renames = serializers.DictField(child=serializers.CharField())
    reverted_to = serializers.IntegerField(allow_null=True, help_text="a version")


class TrainingSetSerializer(serializers.Serializer[Any]):
    """One version of a set of labelled images."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    version = serializers.IntegerField()
    kind = serializers.ChoiceField(choices=["starter", "project", "hidden"])
    task = serializers.ChoiceField(choices=Task.choices)
    colours = serializers.DictField(
        child=serializers.CharField(), help_text="{class: #rrggbb} of masks; empty without masks"
    )
    parent = serializers.UUIDField(allow_null=True)  # type: ignore[assignment]
    state = serializers.ChoiceField(choices=TrainingSet.State.choices)
    classes = serializers.ListField(child=serializers.CharField())
    counts = serializers.DictField(child=serializers.DictField(child=serializers.IntegerField()))
    image_count = serializers.IntegerField()
    manifest_sha256 = serializers.CharField(allow_null=True)
    content_sha256 = serializers.CharField(allow_null=True, help_text="the same for an exported and imported set")
    report = ReportLineSerializer(many=True, help_text="the first 100 lines, refusals first where there are more")
    report_counts = serializers.DictField(child=serializers.IntegerField(), help_text="all lines: {code: count}")
    warnings = WarningSerializer(many=True)
    progress = SetProgressSerializer(allow_null=True)
    changes = SetChangesSerializer()
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
        "task": training_set.task,
        "colours": class_colours(training_set.classes) if training_set.task == SEGMENTATION else {},
        "parent": str(training_set.parent_id) if training_set.parent_id else None,
        "state": training_set.state,
        "classes": training_set.classes,
        "counts": training_set.counts,
        "image_count": training_set.image_count,
        "manifest_sha256": training_set.manifest_sha256 or None,
        "content_sha256": training_set.content_sha256 or None,
        "report": training_set.report,
        "report_counts": training_set.report_counts,
        "warnings": training_set.warnings,
        "progress": _progress(training_set),
        "changes": _changes(training_set),
        "created_at": training_set.created_at.isoformat(),
        "licence": training_set.licence,
        "credits": training_set.credits,
        "message": training_set.message or None,
    }


def _progress(training_set: TrainingSet) -> dict[str, int] | None:
    if training_set.state != TrainingSet.State.PREPARING or not training_set.to_check:
        return None
    return {"done": training_set.checked, "total": training_set.to_check}


def _changes(training_set: TrainingSet) -> dict[str, Any]:
    request = training_set.request
    if training_set.kind != TrainingSet.Kind.PROJECT:
        kind = "library"
    elif "archive" in request:
        kind = "imported"
    elif "forked" in request:
        kind = "forked"
    elif "reverted_to" in request:
        kind = "reverted"
    else:
        kind = "pictures" if "additions" in request else "changes"
    return {
        "kind": kind,
        "counts": training_set.report_counts,
        "renames": request.get("renames", {}),
        "reverted_to": request.get("reverted_to"),
    }


class ImageSerializer(serializers.Serializer[Any]):
    """One image of a training set."""

    sha256 = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    split = serializers.ChoiceField(choices=["train", "validation", "test"])
    name = serializers.CharField()
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    near_group = serializers.IntegerField(allow_null=True, help_text="pictures of one number look almost alike")
    url = serializers.URLField(help_text="presigned, for an hour")
    thumbnail_url = serializers.URLField(help_text="presigned, for an hour; 160 pixels at most")
    mask_url = serializers.URLField(
        allow_null=True, help_text="presigned, for an hour: its mask in the classes' colours; null without a mask"
    )
