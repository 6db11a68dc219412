"""Who gets in. Each refusal is a problem with a code; each guard was removed once to see its test go red."""

import base64
import hmac
import json
import re
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.test import Client

from axons_service.sites.keys import public_key_pem, service_private_key
from axons_service.sites.models import Site, SiteKey, UsedToken
from tests.service import builders
from tests.service.builders import Caller, Lms

pytestmark = pytest.mark.django_db


def ask(token: str | None, path: str = "/api/v1/library") -> Any:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return Client().get(path, headers=headers)


def refused(response: Any, status: int, code: str) -> None:
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["detail"].endswith(".")


def test_a_signed_request_of_an_author_gets_in(campus: Lms) -> None:
    assert ask(campus.token(role="author")).status_code == 200


def test_a_request_without_a_token_is_not_authenticated(campus: Lms) -> None:
    response = ask(None)
    refused(response, 401, "not_authenticated")
    assert response["WWW-Authenticate"] == "Bearer"


def test_a_token_that_is_none_is_refused(campus: Lms) -> None:
    refused(ask("bonjour"), 401, "token_malformed")


def test_a_wrong_key_is_refused(campus: Lms) -> None:
    refused(ask(campus.token(key=Ed25519PrivateKey.generate(), role="author")), 401, "token_signature")


def test_an_unknown_key_id_is_refused(campus: Lms) -> None:
    refused(ask(campus.token(kid="k2", role="author")), 401, "token_key")


def test_a_retired_key_is_refused(campus: Lms) -> None:
    SiteKey.objects.update(is_active=False)
    refused(ask(campus.token(role="author")), 401, "token_key")


def test_a_closed_site_is_refused(campus: Lms) -> None:
    Site.objects.update(is_active=False)
    refused(ask(campus.token(role="author")), 401, "token_key")


def test_another_sites_key_cannot_speak_for_this_site(campus: Lms) -> None:
    other = builders.lms("other")
    SiteKey.objects.filter(site=other.site).update(kid="k9")
    forged = jwt.encode(campus.claims(role="author"), other.key, "EdDSA", headers={"kid": "k9"})
    refused(ask(forged), 401, "token_key")


def test_a_token_for_another_audience_is_refused(campus: Lms) -> None:
    refused(ask(campus.token(aud="somebody", role="author")), 401, "token_audience")
    refused(ask(campus.token(aud=["axons-service", "x"], role="author")), 401, "token_audience")


def test_an_expired_token_is_refused(campus: Lms) -> None:
    past = int(time.time()) - 120
    refused(ask(campus.token(iat=past, exp=past + 60, role="author")), 401, "token_expired")


def test_clocks_that_differ_are_named_with_the_difference(campus: Lms) -> None:
    now = int(time.time())
    ahead = ask(campus.token(iat=now + 300, exp=now + 360, role="author")).json()["detail"]
    assert re.search(r"clock is (299|300) seconds ahead of this service's", ahead)
    behind = ask(campus.token(iat=now - 120, exp=now - 60, role="author")).json()["detail"]
    assert re.search(r"expired (60|61) seconds ago", behind)
    assert all("set both clocks by NTP" in sentence.lower().replace("ntp", "NTP") for sentence in (ahead, behind))
    assert ask(campus.token(iat=now + 3, exp=now + 63, role="author")).status_code == 200


def test_a_token_from_the_future_is_refused(campus: Lms) -> None:
    future = int(time.time()) + 300
    refused(ask(campus.token(iat=future, exp=future + 60, role="author")), 401, "token_not_yet")


def test_a_token_that_lives_longer_than_a_minute_is_refused(campus: Lms) -> None:
    now = int(time.time())
    refused(ask(campus.token(iat=now, exp=now + 3600, role="author")), 401, "token_lifetime")


def test_a_token_without_a_signature_is_refused(campus: Lms) -> None:
    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    unsigned = f"{part({'alg': 'none', 'kid': 'k1'})}.{part(campus.claims(role='author'))}."
    refused(ask(unsigned), 401, "token_algorithm")


def test_a_public_key_used_as_a_shared_secret_is_refused(campus: Lms) -> None:
    secret = public_key_pem(campus.key.public_key()).encode()

    def part(value: bytes) -> str:
        return base64.urlsafe_b64encode(value).decode().rstrip("=")

    header = part(json.dumps({"alg": "HS256", "kid": "k1"}).encode())
    signed = f"{header}.{part(json.dumps(campus.claims(role='author')).encode())}"
    forged = f"{signed}.{part(hmac.digest(secret, signed.encode(), 'sha256'))}"
    refused(ask(forged), 401, "token_algorithm")


@pytest.mark.parametrize("claim", ["sub", "course", "usage", "role", "iat", "exp", "jti"])
def test_a_token_that_lacks_a_claim_is_refused(campus: Lms, claim: str) -> None:
    refused(ask(campus.token(**{"role": "author", claim: None})), 401, "token_claims")


@pytest.mark.parametrize("change", [{"role": "root"}, {"sub": ""}, {"usage": "x" * 300}, {"sub": "x" * 200}])
def test_a_token_with_a_malformed_claim_is_refused(campus: Lms, change: dict[str, str]) -> None:
    refused(ask(campus.token(**{"role": "author", **change})), 401, "token_claims")


def test_a_write_cannot_be_replayed(course: Lms) -> None:
    token = course.token()
    body = json.dumps({"spec": builders.spec()})

    def send() -> Any:
        headers = {"Authorization": f"Bearer {token}"}
        return Client().post("/api/v1/projects/open", body, content_type="application/json", headers=headers)

    assert send().status_code == 200
    refused(send(), 401, "token_replayed")
    assert UsedToken.objects.count() == 1


def test_the_same_jti_of_two_sites_is_no_replay(course: Lms) -> None:
    other = builders.lms("other")
    builders.library_set(other.site, "hidden", "hidden-pets")
    for each in (course, other):
        headers = {"Authorization": f"Bearer {each.token(jti='a' * 32)}"}
        body = json.dumps({"spec": builders.spec()})
        response = Client().post("/api/v1/projects/open", body, content_type="application/json", headers=headers)
        assert response.status_code == 200


def test_a_read_leaves_no_jti_behind(campus: Lms) -> None:
    assert ask(campus.token(role="author")).status_code == 200
    assert not UsedToken.objects.exists()


@pytest.mark.parametrize("jti", ["short", "x" * 65])
def test_a_jti_of_an_odd_length_is_refused(course: Lms, jti: str) -> None:
    headers = {"Authorization": f"Bearer {course.token(jti=jti)}"}
    body = json.dumps({"spec": builders.spec()})
    response = Client().post("/api/v1/projects/open", body, content_type="application/json", headers=headers)
    refused(response, 401, "token_claims")


def read_token(anna: Caller) -> tuple[str, str]:
    bundle = anna.open().json()
    return bundle["read_token"], bundle["project"]["id"]


def test_the_read_token_reads_its_project(course: Lms, anna: Caller) -> None:
    token, project = read_token(anna)
    response = ask(token, f"/api/v1/projects/{project}")
    assert response.status_code == 200
    assert response.json()["id"] == project


def test_the_read_token_opens_no_other_project(course: Lms, anna: Caller, ben: Caller) -> None:
    token, _ = read_token(anna)
    refused(ask(token, f"/api/v1/projects/{ben.open().json()['project']['id']}"), 404, "not_found")


def test_a_staff_members_read_token_opens_no_learners_project(course: Lms, grader: Caller, ben: Caller) -> None:
    token = grader.open().json()["read_token"]
    refused(ask(token, f"/api/v1/projects/{ben.open().json()['project']['id']}"), 404, "not_found")


def test_the_read_token_changes_nothing(course: Lms, anna: Caller) -> None:
    token, _ = read_token(anna)
    for path in ("projects/open", "uploads", "training-sets", "jobs", "submissions"):
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "k"}
        response = Client().post(f"/api/v1/{path}", "{}", content_type="application/json", headers=headers)
        refused(response, 403, "token_read_only")


def test_an_expired_read_token_is_refused(course: Lms, anna: Caller) -> None:
    token, project = read_token(anna)
    claims = jwt.decode(token, options={"verify_signature": False})
    old = {**claims, "iat": claims["iat"] - 900, "exp": claims["exp"] - 900}
    expired = jwt.encode(old, service_private_key(), "EdDSA", headers={"kid": "service"})
    refused(ask(expired, f"/api/v1/projects/{project}"), 401, "token_expired")


def test_a_callback_token_is_no_read_token(course: Lms, anna: Caller) -> None:
    token, project = read_token(anna)
    claims = {**jwt.decode(token, options={"verify_signature": False}), "aud": course.site.slug}
    callback = jwt.encode(claims, service_private_key(), "EdDSA", headers={"kid": "service"})
    refused(ask(callback, f"/api/v1/projects/{project}"), 401, "token_audience")


def test_a_site_cannot_mint_read_tokens(course: Lms, anna: Caller) -> None:
    token, project = read_token(anna)
    claims = jwt.decode(token, options={"verify_signature": False})
    forged = jwt.encode(claims, course.key, "EdDSA", headers={"kid": "k1"})
    refused(ask(forged, f"/api/v1/projects/{project}"), 401, "token_signature")
