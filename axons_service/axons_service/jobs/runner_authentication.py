"""A runner's two tokens: its pool's, or its own, to claim; its attempt's for everything about one job."""

import hashlib

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from axons_service.compute.models import Pool, Runner
from axons_service.compute.services import runner_of_token
from axons_service.sites.authentication import NamedAuthentication, bearer


class PoolAuthentication(BaseAuthentication):
    """The static token of an active pool, or the own one of a runner that enrolled; only hashes are stored.

    Sets `request.auth` to the pool, or to the runner.
    """

    def authenticate(self, request: Request) -> tuple[None, Pool | Runner] | None:
        token = bearer(request.headers.get("Authorization", ""))
        if token is None:
            return None
        digest = hashlib.sha256(token.encode()).hexdigest()
        pool = Pool.objects.filter(token_sha256=digest, is_active=True).first()
        found = pool or runner_of_token(digest)
        return None if found is None else (None, found)

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class PoolScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the OpenAPI document describes `PoolAuthentication`."""

    target_class = PoolAuthentication
    name = "pool"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "The token of a pool, or of a runner that enrolled."}


class AttemptAuthentication(NamedAuthentication):
    """An attempt's token; the attempt is in the body."""


class AttemptScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the OpenAPI document describes an attempt's token."""

    target_class = AttemptAuthentication
    name = "attempt"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "The `token` of an assignment; dies with the attempt.",
        }
