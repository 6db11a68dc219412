"""The service's callback: what is applied, what is ignored, what is refused."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from base64 import urlsafe_b64encode
from typing import Any

import jwt
import pytest
from django.core.cache import cache
from webob import Request
from xblock.runtime import DictKeyValueStore

from axons_xblock import compat
from tests.xblock.platform import RebindUserService, UsageKey, anonymous, anonymous_id
from tests.xblock.support import (
    ADA,
    BOB,
    GRADED,
    SERVICE_PRIVATE,
    SERVICE_PUBLIC,
    SITE,
    SITE_PRIVATE,
    deliver,
    error,
    grade_body,
    grade_claims,
    key_pair,
    make_block,
    post_grade,
    settings,
)


def noauth_block(**more: Any) -> Any:
    """The block as the noauth handler gets it: bound to nobody."""
    return make_block(user=anonymous(), **{"weight": 4.0, "spec": GRADED, **more})


def test_a_grade_reaches_the_grade_book_while_nobody_is_logged_in() -> None:
    block = noauth_block()

    response = deliver(block)

    assert (response.status_code, response.json) == (200, {"status": "applied", "revision": 1})
    assert block.runtime.gradebook == {ADA.id: (2.0, 4.0)}
    assert block.runtime.completions == {ADA.id: 1.0}


def test_the_block_is_bound_to_the_learner_before_anything_is_published() -> None:
    block = noauth_block()

    deliver(block)

    assert [kind for kind, _ in block.runtime.journal] == ["rebind", "grade", "completion"]


def test_the_score_lands_in_the_learners_state_and_in_nobody_elses() -> None:
    store = DictKeyValueStore()

    deliver(noauth_block(store=store))

    ada, bob = make_block(user=ADA, store=store), make_block(user=BOB, store=store)
    assert (ada.score, ada.grade_revision) == (0.5, 1)
    assert (bob.score, bob.grade_revision) == (None, 0)


@pytest.mark.parametrize("revision", [1, 2])
def test_a_repeated_or_older_revision_is_accepted_and_ignored(revision: int) -> None:
    store = DictKeyValueStore()
    deliver(noauth_block(store=store), grade_body(revision=2, score=0.5))
    cache.clear()  # the state alone must do
    block = noauth_block(store=store)

    response = deliver(block, grade_body(revision=revision, score=1.0))

    assert (response.status_code, response.json) == (200, {"status": "ignored", "revision": 2})
    assert block.runtime.gradebook == {}
    assert make_block(user=ADA, store=store).score == 0.5


def test_a_higher_revision_may_lower_the_score() -> None:
    store = DictKeyValueStore()
    deliver(noauth_block(store=store), grade_body(revision=1, score=0.9))
    block = noauth_block(store=store)

    deliver(block, grade_body(revision=2, score=0.2, reason="override"))

    assert block.runtime.gradebook == {ADA.id: (pytest.approx(0.8), 4.0)}


def test_a_revision_that_another_worker_applied_a_moment_ago_is_not_undone() -> None:
    stale = noauth_block()  # its state was read before the other worker wrote
    compat.applied_revisions(stale, anonymous_id(ADA)).remember(5)

    # The other worker may yet be rolled back: until its write is seen, the service keeps the grade.
    assert error(deliver(stale, grade_body(revision=4))) == (503, "busy")
    assert stale.runtime.gradebook == {}


def test_while_another_worker_saves_a_grade_the_service_is_asked_to_send_again() -> None:
    block = noauth_block()

    with compat.grade_lock(block, anonymous_id(ADA)) as held:
        assert held
        assert error(deliver(block)) == (503, "busy")

    assert deliver(block).json["status"] == "applied"


def test_the_lock_is_let_go_when_publishing_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    block = noauth_block()

    def fail(*_args: Any) -> None:
        raise RuntimeError("the grade book is away")

    monkeypatch.setattr(block.runtime, "publish", fail)
    with pytest.raises(RuntimeError):
        deliver(block)
    monkeypatch.undo()

    assert deliver(noauth_block()).json["status"] == "applied"


def test_without_a_way_to_bind_the_learner_the_grade_is_not_lost_but_asked_for_again() -> None:
    block = noauth_block()
    block.runtime._services["rebind_user"] = None

    assert error(deliver(block)) == (503, "not_bound")
    assert block.runtime.journal == []


def test_a_failing_rebind_asks_for_the_grade_again() -> None:
    block = noauth_block()
    block.runtime._services["rebind_user"] = RebindUserService(BOB)  # raises: somebody is logged in

    assert error(deliver(block)) == (503, "not_bound")


def test_a_rebind_that_changes_nothing_does_not_drop_the_grade_silently() -> None:
    class Idle:
        def rebind_noauth_module_to_user(self, block: Any, user: Any) -> None:
            """Leaves the block anonymous."""

    block = noauth_block()
    block.runtime._services["rebind_user"] = Idle()

    assert error(deliver(block)) == (503, "not_bound")
    assert block.runtime.journal == []


def test_an_unknown_learner_is_not_found() -> None:
    stranger = "f" * 32

    assert error(deliver(noauth_block(), grade_body(learner=stranger), sub=stranger)) == (404, "unknown_learner")


def test_an_empty_learner_is_nobody() -> None:
    """To the user service, an empty id means the current user."""
    block = make_block(user=BOB, spec=GRADED)

    assert error(deliver(block, grade_body(learner=""), sub="")) == (404, "unknown_learner")
    assert block.runtime.journal == []


@pytest.mark.parametrize(
    ("body", "claims", "code"),
    [
        ({}, {"usage": str(UsageKey("other"))}, "wrong_usage"),
        ({}, {"course": "course-v1:Other+Course+1"}, "wrong_usage"),
        ({"usage": str(UsageKey("other"))}, {}, "wrong_usage"),
        ({"usage": str(UsageKey("other"))}, {"usage": str(UsageKey("other"))}, "wrong_usage"),
        ({"learner": anonymous_id(BOB)}, {}, "wrong_learner"),
        ({}, {"sub": anonymous_id(BOB)}, "wrong_learner"),
    ],
)
def test_a_grade_for_another_exercise_or_learner_is_forbidden(
    body: dict[str, Any], claims: dict[str, Any], code: str
) -> None:
    block = noauth_block()

    assert error(deliver(block, grade_body(**body), **claims)) == (403, code)
    assert block.runtime.journal == []


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "another-site"},
        {"iss": "somebody"},
        {"exp": int(time.time()) - 3600},
        {"body_sha256": "0" * 64},
        {"body_sha256": "ä"},
        *({name: None} for name in ("aud", "iss", "exp", "jti", "sub", "usage", "course", "body_sha256")),
    ],
)
def test_a_wrong_or_missing_claim_makes_the_signature_worthless(claims: dict[str, Any]) -> None:
    block = noauth_block()

    assert error(deliver(block, **claims)) == (401, "invalid_signature")
    assert block.runtime.journal == []


def test_a_clock_that_is_a_few_seconds_off_is_forgiven() -> None:
    assert deliver(noauth_block(), exp=int(time.time()) - 3).status_code == 200


def test_a_body_that_was_changed_on_the_way_is_refused() -> None:
    tampered = json.dumps(grade_body(score=1.0)).encode()

    assert error(deliver(noauth_block(), sent=tampered)) == (401, "invalid_signature")


@pytest.mark.parametrize("key", [key_pair()[0], SITE_PRIVATE])
def test_another_key_than_the_services_signs_nothing(key: str) -> None:
    assert error(deliver(noauth_block(), key=key)) == (401, "invalid_signature")


def unsigned(algorithm: str, body: bytes) -> str:
    def part(value: dict[str, Any]) -> str:
        return urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    head = f"{part({'alg': algorithm, 'typ': 'JWT', 'kid': 'service-1'})}.{part(grade_claims(body))}"
    if algorithm == "none":
        return f"{head}."
    # The public key, which everybody knows, used as an HMAC secret.
    digest = hmac.new(SERVICE_PUBLIC.encode(), head.encode(), hashlib.sha256).digest()
    return f"{head}.{urlsafe_b64encode(digest).rstrip(b'=').decode()}"


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_the_algorithm_is_ours_to_choose(algorithm: str) -> None:
    body = json.dumps(grade_body()).encode()

    response = post_grade(noauth_block(), body, f"Bearer {unsigned(algorithm, body)}")

    assert error(response) == (401, "invalid_signature")


def test_a_shared_secret_in_the_settings_does_not_weaken_the_algorithm() -> None:
    secret = "a text that somebody took for a key" * 2
    body = json.dumps(grade_body()).encode()
    token = jwt.encode(grade_claims(body), secret, algorithm="HS256", headers={"kid": "service-1"})
    block = noauth_block(xblock_settings=settings(SERVICE_PUBLIC_KEY=secret))

    assert error(post_grade(block, body, f"Bearer {token}")) == (401, "invalid_signature")


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer x.y.z", "Basic YTpi"])
def test_a_call_without_a_token_is_refused(authorization: str | None) -> None:
    body = json.dumps(grade_body()).encode()

    assert error(post_grade(noauth_block(), body, authorization)) == (401, "invalid_signature")


def test_during_a_key_rotation_the_token_names_its_key() -> None:
    new_private, new_public = key_pair()
    keys = settings(SERVICE_PUBLIC_KEY={"service-1": SERVICE_PUBLIC, "service-2": new_public})

    assert deliver(noauth_block(xblock_settings=keys), kid="service-1").status_code == 200
    cache.clear()
    assert deliver(noauth_block(xblock_settings=keys), key=new_private, kid="service-2").status_code == 200
    assert error(deliver(noauth_block(xblock_settings=keys), kid="service-2")) == (401, "invalid_signature")
    assert error(deliver(noauth_block(xblock_settings=keys), kid="service-3")) == (401, "invalid_signature")


@pytest.mark.parametrize(
    "change",
    [
        {"revision": 0},
        {"revision": "2"},
        {"revision": 1.5},
        {"revision": True},
        {"score": 1.1},
        {"score": -0.1},
        {"score": None},
        {"score": "1"},
        {"score": True},
        {"score": float("nan")},
        {"max_score": 100},
    ],
)
def test_a_malformed_grade_is_a_bad_request(change: dict[str, Any]) -> None:
    block = noauth_block()

    assert error(deliver(block, grade_body(**change))) == (400, "bad_request")
    assert block.runtime.journal == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff"])
def test_a_body_that_is_no_json_object_is_a_bad_request(body: bytes) -> None:
    block = noauth_block()
    token = jwt.encode(grade_claims(body), SERVICE_PRIVATE, algorithm="EdDSA", headers={"kid": "service-1"})

    assert error(post_grade(block, body, f"Bearer {token}")) == (400, "bad_request")


def test_a_body_larger_than_any_grade_is_refused_unread() -> None:
    assert error(post_grade(noauth_block(), b" " * 70_000, None)) == (413, "too_large")


def test_only_post_is_taken() -> None:
    block = noauth_block()

    assert error(block.runtime.handle(block, "grade", Request.blank("/"))) == (405, "method_not_allowed")


def test_the_audience_is_the_site() -> None:
    other = settings(SITE="another-site")

    assert error(deliver(noauth_block(xblock_settings=other), aud=SITE)) == (401, "invalid_signature")
    assert deliver(noauth_block(xblock_settings=other), aud="another-site").status_code == 200
