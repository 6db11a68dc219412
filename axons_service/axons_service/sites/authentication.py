"""DRF's doors: who calls, as a `Caller` in `request.auth`."""

from asgiref.sync import sync_to_async
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from axons_service.operations.problems import Problem
from axons_service.sites import tokens
from axons_service.sites.callers import Caller


def bearer(header: str) -> str | None:
    """The token of an `Authorization` header value; None without one."""
    scheme, _, token = header.partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


class NamedAuthentication(BaseAuthentication):
    """Names a bearer's scheme in the OpenAPI document; the view compares the token with what the body says."""

    def authenticate(self, request: Request) -> None:
        return None

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class XBlockAuthentication(BaseAuthentication):
    """A request that the LMS signed for one person in one exercise."""

    def authenticate(self, request: Request) -> tuple[None, Caller] | None:
        token = bearer(request.headers.get("Authorization", ""))
        if token is None or _is_read_token(request, token):
            return None
        return None, tokens.request_verify(token, spend=request.method not in SAFE_METHODS)

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class BrowserAuthentication(BaseAuthentication):
    """A browser that reads one project with the token from `projects/open`. It can change nothing."""

    def authenticate(self, request: Request) -> tuple[None, Caller] | None:
        token = bearer(request.headers.get("Authorization", ""))
        if token is None or not _is_read_token(request, token):
            return None
        return None, tokens.read_token_verify(token)

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def _is_read_token(request: Request, token: str) -> bool:
    """Whether the service itself issued the token, or so it says. Raises Problem 403 when one comes with a write."""
    if tokens.unverified_issuer(token) != tokens.SERVICE:
        return False
    if request.method not in SAFE_METHODS:
        raise Problem(403, "token_read_only", "This token only reads. Changes go through the course page.")
    return True


def browser_caller(token: str) -> Caller:
    """The caller behind a browser's read token (queries the database). Raises Problem 401."""
    return tokens.read_token_verify(token)


abrowser_caller = sync_to_async(browser_caller)


class XBlockScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the OpenAPI document describes `XBlockAuthentication`."""

    target_class = XBlockAuthentication
    name = "xblock"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "EdDSA, at most 60 s, minted per request by the site's XBlock; single use except for GET.",
        }


class BrowserScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the OpenAPI document describes `BrowserAuthentication`."""

    target_class = BrowserAuthentication
    name = "browser"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "The read_token of POST /projects/open: 10 minutes, GET only, one project.",
        }
