"""Blocks, people, keys and a training service that listens on a real port."""

from __future__ import annotations

import hashlib
import json
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from webob import Request, Response
from xblock.fields import ScopeIds
from xblock.runtime import DictKeyValueStore, KvsFieldData

from axons_xblock.block import AxonsXBlock
from axons_xblock.spec import default_spec
from tests.xblock.platform import LmsRuntime, Profile, UsageKey, User, anonymous_id

SITE = "demo"
ADA = User(id=7, username="ada", profile=Profile("Ada Lovelace"))
BOB = User(id=8, username="bob", profile=Profile("Bob Moog"))
GRACE = User(id=9, username="grace", profile=Profile("Grace Hopper"), is_staff_of_course=True)
PEOPLE = [ADA, BOB, GRACE]
GRADED = default_spec() | {
    "starter_set": "flowers",
    "hidden_test_set": "flowers-secret",
    "grading": {"metric": "accuracy", "thresholds": [{"at_least": 0.9, "score": 1.0}]},
}


def key_pair() -> tuple[str, str]:
    """Ed25519, as PEM: private, public."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


SITE_PRIVATE, SITE_PUBLIC = key_pair()
SERVICE_PRIVATE, SERVICE_PUBLIC = key_pair()


def settings(service_url: str = "http://127.0.0.1:9", **more: Any) -> dict[str, Any]:
    """XBLOCK_SETTINGS["axons"]; nothing listens on port 9."""
    return {
        "SERVICE_URL": service_url,
        "SITE": SITE,
        "KEY_ID": "lms-1",
        "PRIVATE_KEY": SITE_PRIVATE,
        "SERVICE_PUBLIC_KEY": SERVICE_PUBLIC,
        "TIMEOUT_SECONDS": 5,
        **more,
    }


def make_block(
    *,
    user: User = ADA,
    xblock_settings: dict[str, Any] | None = None,
    runtime: type[LmsRuntime] = LmsRuntime,
    store: DictKeyValueStore | None = None,
    usage: UsageKey | None = None,
    **fields: Any,
) -> AxonsXBlock:
    """A block that `user` looks at. Blocks with the same `store` share their fields, as LMS workers do."""
    bound = runtime(
        user=user,
        people=PEOPLE,
        settings=settings() if xblock_settings is None else xblock_settings,
        field_data=KvsFieldData(store or DictKeyValueStore()),
    )
    usage = usage or UsageKey()
    block = AxonsXBlock(bound, scope_ids=ScopeIds(user.id, "axons", "definition", usage))
    for name, value in fields.items():
        setattr(block, name, value)
    block.save()
    return block


def call(block: AxonsXBlock, handler: str, data: Any = None, **headers: str) -> Response:
    """POST `data` as JSON to a handler, through the runtime."""
    request = Request.blank("/", method="POST", body=json.dumps(data or {}).encode())
    request.content_type = "application/json"
    request.headers.update(headers)
    return block.runtime.handle(block, handler, request)


def error(response: Response) -> tuple[int, str]:
    """Status and code of a refusal, after a look at its sentence."""
    assert response.json["error"]["message"].endswith("."), response.json
    return response.status_code, response.json["error"]["code"]


def grade_body(**changes: Any) -> dict[str, Any]:
    """What the service posts: Ada has earned half."""
    return {
        "revision": 1,
        "score": 0.5,
        "max_score": 1,
        "learner": anonymous_id(ADA),
        "usage": str(UsageKey()),
        "submission": str(uuid.uuid4()),
        "reason": "scored",
        **changes,
    }


def grade_claims(body: bytes, **changes: Any) -> dict[str, Any]:
    """The claims of the service's callback; a change to None removes one."""
    claims = {
        "iss": "axons-service",
        "aud": SITE,
        "sub": anonymous_id(ADA),
        "usage": str(UsageKey()),
        "course": str(UsageKey().context_key),
        "exp": int(time.time()) + 60,
        "jti": uuid.uuid4().hex,
        "body_sha256": hashlib.sha256(body).hexdigest(),
    }
    return {name: value for name, value in (claims | changes).items() if value is not None}


def deliver(
    block: AxonsXBlock,
    body: dict[str, Any] | None = None,
    *,
    key: str = SERVICE_PRIVATE,
    kid: str = "service-1",
    sent: bytes | None = None,
    **claims: Any,
) -> Response:
    """Post a signed grade to the block's callback. `sent` replaces the body after signing."""
    signed = json.dumps(grade_body() if body is None else body).encode()
    token = jwt.encode(grade_claims(signed, **claims), key, algorithm="EdDSA", headers={"kid": kid})
    return post_grade(block, signed if sent is None else sent, f"Bearer {token}")


def post_grade(block: AxonsXBlock, body: bytes, authorization: str | None) -> Response:
    request = Request.blank("/", method="POST", body=body)
    request.content_type = "application/json"
    if authorization is not None:
        request.headers["Authorization"] = authorization
    return block.runtime.handle(block, "grade", request)


@dataclass
class Received:
    method: str
    path: str
    claims: dict[str, Any]
    kid: str
    idempotency_key: str | None
    body: Any


@dataclass
class TrainingService:
    """A real HTTP server in the service's place: it checks signatures and answers what a test lays out."""

    answers: dict[tuple[str, str], tuple[int, Any]] = field(default_factory=dict)
    received: list[Received] = field(default_factory=list)
    url: str = ""
    stop: Callable[[], None] = lambda: None

    def answer(self, method: str, path: str, body: Any, status: int = 200) -> None:
        self.answers[method, path] = (status, body)

    def start(self) -> None:
        service = self

        class Handler(BaseHTTPRequestHandler):
            def handle_one(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length) or b"null")
                token = self.headers["Authorization"].removeprefix("Bearer ")
                claims = jwt.decode(token, SITE_PUBLIC, algorithms=["EdDSA"], audience="axons-service", issuer=SITE)
                kid = jwt.get_unverified_header(token)["kid"]
                key = self.headers.get("Idempotency-Key")
                service.received.append(Received(self.command, self.path, claims, kid, key, body))
                nothing = (404, {"detail": "Not here.", "code": "no"})
                whole, path = (self.command, self.path), (self.command, self.path.partition("?")[0])
                status, answer = service.answers.get(whole, service.answers.get(path, nothing))
                payload = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(payload)))
                if status == 302:
                    self.send_header("Location", f"{service.url}/api/v1/elsewhere")
                self.end_headers()
                self.wfile.write(payload)

            do_GET = do_POST = handle_one

            def log_message(self, format: str, *args: Any) -> None:
                """Tests print nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()

        def stop() -> None:
            server.shutdown()
            server.server_close()
            thread.join()

        self.stop = stop
        self.url = f"http://127.0.0.1:{server.server_address[1]}"


def bundle(**project: Any) -> dict[str, Any]:
    """The service's answer to /projects/open."""
    return {
        "project": {"id": "p-1", "submissions": [], "predictions": [], "best_score": None, **project},
        "read_token": "r",
        "read_token_expires_at": "2026-11-24T00:00:00Z",
        "api_url": "https://axons.example.org/api/v1",
        "stream_url": "https://axons.example.org/api/v1/projects/p-1/stream",
    }


def submission(revision: int | None, score: float | None, delivered: int | None = None) -> dict[str, Any]:
    return {"id": "s", "revision": revision, "score": score, "delivered_revision": delivered}
