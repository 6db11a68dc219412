"""The signatures between an LMS and the service: EdDSA (Ed25519) JWTs, minted per request."""

from __future__ import annotations

import hashlib
import hmac
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt

from axons_xblock.config import Config
from axons_xblock.errors import Problem, gettext_noop

# Pinned: what a token's own header asks for is never used to choose an algorithm.
ALGORITHMS = ["EdDSA"]
SERVICE = "axons-service"
LIFETIME_SECONDS = 60
LEEWAY_SECONDS = 10
CALLBACK_CLAIMS = ["iss", "aud", "sub", "usage", "course", "exp", "jti", "body_sha256"]


@dataclass(frozen=True)
class Identity:
    """Who asks, from where. `learner` is the anonymous user id: no name, no e-mail address."""

    learner: str
    course: str
    usage: str
    role: str  # learner | grader | author
    closes: int | None = None  # when handing in ends for them, in seconds since 1970; None for never
    results_from: int | None = None  # from when on they see scores; None for always, the year 9999 for never


def mint(config: Config, identity: Identity) -> str:
    """A token for one request to the service: valid for 60 s, with a `jti` of its own."""
    now = int(time.time())
    claims = {
        "iss": config.site,
        "aud": SERVICE,
        "sub": identity.learner,
        "course": identity.course,
        "usage": identity.usage,
        "role": identity.role,
        "closes": identity.closes,
        "results_from": identity.results_from,
        "iat": now,
        "exp": now + LIFETIME_SECONDS,
        "jti": uuid.uuid4().hex,
    }
    return jwt.encode(claims, config.private_key, algorithm=ALGORITHMS[0], headers={"kid": config.key_id})


def verify_callback(config: Config, authorization: str | None, body: bytes) -> Mapping[str, Any]:
    """The claims of the service's signed call with exactly this `body`; raises `invalid_signature` (401)."""
    try:
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer":
            raise jwt.InvalidTokenError("no bearer token")
        claims: dict[str, Any] = jwt.decode(
            token.strip(),
            _public_key(config.service_public_keys, jwt.get_unverified_header(token.strip()).get("kid")),
            algorithms=ALGORITHMS,
            audience=config.site,
            issuer=SERVICE,
            leeway=LEEWAY_SECONDS,
            options={"require": CALLBACK_CLAIMS},
        )
        digest = hashlib.sha256(body).hexdigest()
        if not hmac.compare_digest(digest.encode(), str(claims["body_sha256"]).encode()):
            raise jwt.InvalidTokenError("the body is not the one that was signed")
    except jwt.PyJWTError as error:
        raise Problem(
            401, "invalid_signature", gettext_noop("This call is not signed by this site's training service.")
        ) from error
    return claims


def _public_key(keys: Mapping[str, str], key_id: object) -> str:
    """One PEM serves every key id; with several (a rotation), the token names one of them."""
    pem = keys.get(str(key_id)) or keys.get("")
    if pem is None:
        raise jwt.InvalidTokenError(f"unknown key id {key_id!r}")
    return pem
