"""Request bodies as their schema says them: DRF alone would take "1", 1.0 and true for the number 1."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

_KINDS: tuple[tuple[type[Any] | tuple[type[Any], ...], tuple[type, ...], str], ...] = (
    (serializers.BooleanField, (bool,), "This must be true or false."),
    (serializers.IntegerField, (int,), "This must be a whole number."),
    (serializers.FloatField, (int, float), "This must be a number."),
    (
        (serializers.CharField, serializers.ChoiceField, serializers.UUIDField, serializers.DateTimeField),
        (str,),
        "This must be a text.",
    ),
    ((serializers.ListField, serializers.ListSerializer), (list,), "This must be a list."),
    ((serializers.DictField, serializers.Serializer), (dict,), "This must be an object."),
)


class StrictSerializer(serializers.Serializer[Any]):
    """A serializer of requests that takes each JSON type for what it is."""

    def to_internal_value(self, data: Any) -> Any:
        """The validated values. Raises ValidationError with a sentence per field of a wrong JSON type."""
        if isinstance(data, Mapping):
            errors = {
                str(field.field_name): sentences
                for field in self._writable_fields
                if field.field_name in data and (sentences := _misfit(field, data[field.field_name]))
            }
            if errors:
                raise serializers.ValidationError(errors)
        return super().to_internal_value(data)


def _misfit(field: Any, value: Any) -> Any:
    """What is wrong with a value's JSON type, in DRF's nested shape; nothing for what the field itself will say."""
    if value is None:
        return None
    for fields, types, sentence in _KINDS:
        if isinstance(field, fields):
            if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
                return [sentence]
            break
    match value:
        case list() if isinstance(field, serializers.ListField):
            found = {index: misfit for index, inner in enumerate(value) if (misfit := _misfit(field.child, inner))}
        case dict() if isinstance(field, serializers.DictField):
            found = {name: misfit for name, inner in value.items() if (misfit := _misfit(field.child, inner))}
        case _:
            return None
    return [f"{place}: {misfit[0] if isinstance(misfit, list) else misfit}" for place, misfit in found.items()]
