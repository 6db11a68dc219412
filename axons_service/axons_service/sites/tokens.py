"""Every signed token of the service: a site's requests, the browser's read token, the callback to the LMS.

One algorithm family, EdDSA. A token's unverified `iss` and `kid` only choose which stored key must verify it.
"""

import hashlib
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.db import connection

from axons_service.operations.problems import Problem
from axons_service.sites import keys
from axons_service.sites.callers import Caller, Role
from axons_service.sites.models import Site, SiteKey, UsedToken

ALGORITHM = "EdDSA"
SERVICE = "axons-service"
BROWSER = "axons-browser"
LEEWAY_SECONDS = 5
REQUEST_LIFETIME_SECONDS = 60
BROWSER_LIFETIME_SECONDS = 600
CALLBACK_LIFETIME_SECONDS = 60
LAST_SECOND = 253_402_300_799  # of the year 9999
REQUEST_CLAIMS = ("iss", "aud", "sub", "course", "usage", "role", "iat", "exp", "jti")
SPEND = f"INSERT INTO {UsedToken._meta.db_table} (site_id, jti, expires_at) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"
BROWSER_CLAIMS = ("iss", "aud", "sub", "site", "project", "course", "usage", "role", "iat", "exp")


@dataclass(frozen=True)
class ReadToken:
    """A browser's bearer for reading one project."""

    token: str
    expires_at: datetime


def unverified_issuer(token: str) -> str:
    """Who the token says it is from: only good for choosing how to verify it. Raises Problem 401 when it is no JWT."""
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except jwt.InvalidTokenError as error:
        raise Problem(401, "token_malformed", "The bearer token is not a signed token.") from error
    return str(claims.get("iss", ""))


def request_verify(token: str, *, spend: bool) -> Caller:
    """The caller of a site's signed request. `spend` makes its `jti` single use (every request but GET)."""
    key = _site_key(token)
    claims = _verified(token, keys.public_key_load(key.public_key), audience=SERVICE, required=REQUEST_CLAIMS)
    if claims["exp"] - claims["iat"] > REQUEST_LIFETIME_SECONDS:
        raise Problem(401, "token_lifetime", "The request's token may live for 60 seconds at most.")
    caller = _caller(key.site, claims)
    if spend:
        _spend(key.site, str(claims["jti"]), float(claims["exp"]))
    return caller


def read_token_mint(caller: Caller, project_id: UUID) -> ReadToken:
    """A 10-minute bearer with which the caller's browser may read this project, and nothing else."""
    now = int(time.time())
    claims = {
        "iss": SERVICE,
        "aud": BROWSER,
        "site": caller.site.slug,
        "sub": caller.learner,
        "course": caller.course,
        "usage": caller.usage,
        "role": caller.role.value,
        "project": str(project_id),
        "iat": now,
        "exp": now + BROWSER_LIFETIME_SECONDS,
    }
    return ReadToken(_signed(claims), datetime.fromtimestamp(now + BROWSER_LIFETIME_SECONDS, UTC))


def read_token_verify(token: str) -> Caller:
    """The caller behind a browser's read token, confined to the token's project."""
    claims = _verified(token, keys.service_public_key(), audience=BROWSER, required=BROWSER_CLAIMS)
    site = Site.objects.filter(slug=claims["site"], is_active=True).first()
    if site is None:
        raise Problem(401, "token_issuer", "The site of this token is not registered here.")
    return _caller(site, claims, project=UUID(claims["project"]))


def callback_token(*, site: Site, learner: str, course: str, usage: str, body: bytes) -> str:
    """The token that proves to the LMS that a grade callback with exactly this body is ours."""
    now = int(time.time())
    claims = {
        "iss": SERVICE,
        "aud": site.slug,
        "sub": learner,
        "course": course,
        "usage": usage,
        "iat": now,
        "exp": now + CALLBACK_LIFETIME_SECONDS,
        "jti": uuid.uuid4().hex,
        "body_sha256": hashlib.sha256(body).hexdigest(),
    }
    return _signed(claims)


def _signed(claims: dict[str, Any]) -> str:
    return jwt.encode(claims, keys.service_private_key(), ALGORITHM, headers={"kid": keys.SERVICE_KEY_ID})


def _site_key(token: str) -> SiteKey:
    """The stored key that must verify this token: `kid` is looked up inside the issuer only."""
    issuer = unverified_issuer(token)
    kid = str(jwt.get_unverified_header(token).get("kid", ""))
    found = SiteKey.objects.select_related("site").filter(
        site__slug=issuer, site__is_active=True, kid=kid, is_active=True
    )
    key = found.first()
    if key is None:
        raise Problem(401, "token_key", "The request is signed with a key that is not registered for its site.")
    return key


def _verified(token: str, key: Ed25519PublicKey, *, audience: str, required: tuple[str, ...]) -> dict[str, Any]:
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            audience=audience,
            leeway=LEEWAY_SECONDS,
            options={"require": list(required), "strict_aud": True},
        )
    except jwt.InvalidAlgorithmError as error:
        raise Problem(401, "token_algorithm", "Tokens are signed with EdDSA and nothing else.") from error
    except jwt.InvalidSignatureError as error:
        raise Problem(401, "token_signature", "The token's signature does not fit its key.") from error
    except jwt.ExpiredSignatureError as error:
        raise Problem(401, "token_expired", _expired_sentence(token)) from error
    except jwt.ImmatureSignatureError as error:
        raise Problem(401, "token_not_yet", _future_sentence(token)) from error
    except jwt.InvalidAudienceError as error:
        raise Problem(401, "token_audience", "The token is meant for someone else.") from error
    except jwt.InvalidTokenError as error:
        raise Problem(401, "token_claims", "The token lacks a claim or one is malformed.") from error
    return claims


def _expired_sentence(token: str) -> str:
    """For a token whose signature was verified: by how long it came too late, and what that may mean."""
    seconds = _seconds_since(token, "exp")
    clocks = "If it was just made, the issuer's clock is behind: set both clocks by NTP."
    return f"The token has expired {seconds} seconds ago. Ask for a new one. {clocks}"


def _future_sentence(token: str) -> str:
    seconds = -_seconds_since(token, "iat")
    return (
        f"The token is from the future: the issuer's clock is {seconds} seconds ahead of this service's. "
        f"Up to {LEEWAY_SECONDS} seconds are allowed. Set both clocks by NTP."
    )


def _seconds_since(token: str, claim: str) -> int:
    return int(time.time()) - int(jwt.decode(token, options={"verify_signature": False}).get(claim, 0))


def _caller(site: Site, claims: dict[str, Any], project: UUID | None = None) -> Caller:
    texts = [claims["sub"], claims["course"], claims["usage"]]
    if (
        not all(isinstance(text, str) and 0 < len(text) <= 255 and "\x00" not in text for text in texts)
        or len(claims["sub"]) > 128
    ):
        raise Problem(401, "token_claims", "The token's sub, course and usage must be non-empty texts.")
    try:
        role = Role(claims["role"])
    except ValueError as error:
        raise Problem(401, "token_claims", "The token's role must be learner, grader, author or site.") from error
    return Caller(
        site,
        claims["sub"],
        role,
        claims["course"],
        claims["usage"],
        project,
        knows_deadline="closes" in claims,
        closes_at=_moment(claims, "closes"),
        knows_results="results_from" in claims,
        results_from=_moment(claims, "results_from"),
    )


def _moment(claims: dict[str, Any], name: str) -> datetime | None:
    """A claim of whole seconds since 1970, or null: where handing in never ends, where scores are always seen."""
    seconds = claims.get(name)
    if seconds is None:
        return None
    if not isinstance(seconds, int) or isinstance(seconds, bool) or not 0 <= seconds <= LAST_SECOND:
        raise Problem(401, "token_claims", f"The token's {name} must be whole seconds since 1970, or null.")
    return datetime.fromtimestamp(seconds, UTC)


def _spend(site: Site, jti: str, expires: float) -> None:
    """Use up a `jti` with one atomic insert: of two requests with the same token exactly one gets in."""
    if not 8 <= len(jti) <= 64:
        raise Problem(401, "token_claims", "The token's jti must have 8 to 64 characters.")
    kept_until = datetime.fromtimestamp(expires + 2 * LEEWAY_SECONDS, UTC)
    with connection.cursor() as cursor:
        cursor.execute(SPEND, [site.pk, jti, connection.ops.adapt_datetimefield_value(kept_until)])
        if cursor.rowcount != 1:
            raise Problem(401, "token_replayed", "This request was already made: its token is spent.")
