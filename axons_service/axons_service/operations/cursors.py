"""Cursors of pages: opaque, signed, and good for the one list that gave them out."""

from typing import Any, TypedDict, TypeVar

from django.core.signing import BadSignature, Signer
from django.db.models import Model, Q, QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request

from axons_service.operations.problems import Problem

Row = TypeVar("Row", bound=Model)
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


class PageQuery(TypedDict):
    """What `page_of` takes from the query."""

    cursor: str | None
    limit: int


def page_query(request: Request) -> PageQuery:
    """The page that the request asks for. Raises DRF's ValidationError, which is answered as problem 400."""
    query = PageSerializer(data=request.query_params)
    query.is_valid(raise_exception=True)
    return PageQuery(cursor=query.validated_data["cursor"], limit=query.validated_data["limit"])


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


def page_of(rows: QuerySet[Row], *, of: str, cursor: str | None, limit: int) -> tuple[list[Row], str | None]:
    """The next rows, newest first, and the cursor of the page after them; None when these are the last.

    The rows have `created_at`; those that came at the same instant are told apart by their primary key.
    """
    if cursor is not None:
        moment, last = cursor_read(cursor, of=of)
        rows = rows.filter(Q(created_at__lt=moment) | Q(created_at=moment, pk__lt=last))
    page = list(rows.order_by("-created_at", "-pk")[: limit + 1])
    if len(page) <= limit:
        return page, None
    moment = page[limit - 1].created_at.isoformat()  # type: ignore[attr-defined]
    return page[:limit], cursor_sign([moment, str(page[limit - 1].pk)], of=of)
