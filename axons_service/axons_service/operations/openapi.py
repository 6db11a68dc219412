"""The OpenAPI document, made once per process: making it takes longer than any request may."""

import json
from functools import cache
from typing import Any

import yaml
from django.http import HttpRequest, HttpResponse
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiYamlRenderer

from axons_service.operations.etags import etag_of


@cache
def document() -> dict[str, Any]:
    """The document of `/api/v1` and `/runner/v1` as plain values."""
    made = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    plain: dict[str, Any] = yaml.safe_load(OpenApiYamlRenderer().render(made))  # type: ignore[no-untyped-call]
    return json.loads(json.dumps(plain, default=str))  # type: ignore[no-any-return]


@cache
def _served() -> tuple[bytes, str]:
    return json.dumps(document()).encode(), etag_of(document())


@require_safe
def schema(request: HttpRequest) -> HttpResponse:
    """The document as JSON, for anyone; 304 to those who have it."""
    body, tag = _served()
    headers = {"ETag": tag, "Cache-Control": "public, max-age=300"}
    response = HttpResponse(body, content_type="application/vnd.oai.openapi+json", headers=headers)
    return get_conditional_response(request, etag=tag, response=response) or response
