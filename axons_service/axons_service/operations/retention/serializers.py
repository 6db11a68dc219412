"""Shapes of the trash, of storage and of erasures, for the OpenAPI document."""

from typing import Any

from rest_framework import serializers

from axons_service.storage.models import Trash

Shape = serializers.Serializer[Any]


class StorageSerializer(Shape):
    """What a learner's project fills of its quota."""

    used_bytes = serializers.IntegerField(help_text="stored, in the trash, or reserved by uploads")
    quota_bytes = serializers.IntegerField(allow_null=True, help_text="null: no limit")
    trash_bytes = serializers.IntegerField(help_text="the part of it that is in the trash")
    level = serializers.ChoiceField(choices=["ok", "near", "full"], help_text="near from 80 %, full from 100 %")
    message = serializers.CharField(allow_null=True, help_text="a sentence for the person, from 80 % on")


class TrashEntrySerializer(Shape):
    """One deletion, with all that went with it."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=Trash.Kind.choices)
    object = serializers.UUIDField(help_text="id of the training set, job, model or project")
    title = serializers.CharField()
    bytes = serializers.IntegerField()
    reason = serializers.ChoiceField(choices=Trash.Reason.choices)
    by_learner = serializers.BooleanField(help_text="false: course staff or a rule did it")
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(help_text="until then it can be restored")
    state = serializers.ChoiceField(choices=["in_trash", "restored", "deleted"])


class TrashPageSerializer(Shape):
    """A page of the trash, newest first."""

    entries = TrashEntrySerializer(many=True)
    next = serializers.CharField(allow_null=True, help_text="cursor for `after`; null on the last page")


class TrashRequestSerializer(Shape):
    """What to put into the trash. A run (`job`) takes its model along; `project` takes all that is not in use."""

    kind = serializers.ChoiceField(choices=Trash.Kind.choices)
    object = serializers.UUIDField(help_text="id of the training set, job, model or project")


class ErasureRequestSerializer(Shape):
    """Whom to erase."""

    learner = serializers.CharField(max_length=128, help_text="anonymous user id")


class ErasureSerializer(Shape):
    """The audit of an erasure."""

    id = serializers.IntegerField()
    projects = serializers.IntegerField(help_text="erased by this request; 0 for a repeat")
    rows = serializers.IntegerField()
    erased_at = serializers.DateTimeField()
