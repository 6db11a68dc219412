"""Cursors of pages: opaque, signed, and good for the one list that gave them out."""

from typing import Any

from django.core.signing import BadSignature, Signer
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from axons_service.operations.problems import Problem

PAGE = 50
MAX_PAGE = 200
CURSOR = OpenApiParameter("cursor", OpenApiTypes.STR, description="`next` of the page before, as it came")
LIMIT = OpenApiParameter(
    "limit",
    {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": PAGE},
    description="how many at most",
)


class PageSerializer(serializers.Serializer[Any]):
    """The query of a list."""

    cursor = serializers.CharField(required=False, default=None)
    limit = serializers.IntegerField(required=False, default=PAGE, min_value=1, max_value=MAX_PAGE)


def cursor_sign(position: list[Any], *, of: str) -> str:
    """The cursor of a place (JSON values) in the list `of`: its name, and what it is a list of."""
    return Signer(salt=f"axons.cursor:{of}").sign_object(position)


def cursor_read(cursor: str, *, of: str) -> list[Any]:
    """The place that `cursor_sign` was given. Raises Problem 400 for anything else."""
    try:
        position = Signer(salt=f"axons.cursor:{of}").unsign_object(cursor)
    except (BadSignature, ValueError) as error:
        raise Problem(400, "cursor_invalid", "The cursor is none that this service gave out for this list.") from error
    return list(position)
