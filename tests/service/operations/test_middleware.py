"""The admin keeps its sessions, forms and files; programs pass without any of it, and without a thread."""

import asyncio
import re
import threading
from typing import Any

import pytest
from django.core import checks
from django.test import AsyncClient, Client

threaded = pytest.mark.django_db(transaction=True)


def test_django_finds_what_its_admin_needs() -> None:
    assert [error for error in checks.run_checks() if error.id and error.id.startswith("admin.")] == []


def sign_in(user: str) -> dict[str, str]:
    return {"username": user, "password": "secret-of-the-test", "next": "/admin/"}


@threaded
def test_an_operator_signs_in_over_asgi_with_the_forms_token_only(django_user_model: Any) -> None:
    django_user_model.objects.create_superuser("olga", password="secret-of-the-test")

    async def scenario() -> None:
        browser = AsyncClient(enforce_csrf_checks=True)
        assert (await browser.post("/admin/login/", sign_in("olga"))).status_code == 403
        page = await browser.get("/admin/login/")
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.content.decode())
        assert token is not None
        answer = await browser.post("/admin/login/", {**sign_in("olga"), "csrfmiddlewaretoken": token[1]})
        assert (answer.status_code, answer["Location"]) == (302, "/admin/")
        assert (await browser.get("/admin/")).status_code == 200

    asyncio.run(scenario())


@pytest.mark.django_db
def test_an_operator_signs_in_over_wsgi_too(django_user_model: Any) -> None:
    django_user_model.objects.create_superuser("olga", password="secret-of-the-test")
    browser = Client(enforce_csrf_checks=True)
    assert browser.post("/admin/login/", sign_in("olga")).status_code == 403
    browser.get("/admin/login/")
    token = browser.cookies["csrftoken"].value
    assert browser.post("/admin/login/", {**sign_in("olga"), "csrfmiddlewaretoken": token}).status_code == 302


def test_every_answer_has_the_security_headers() -> None:
    answer = Client().get("/health/live")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Referrer-Policy"] == "same-origin"
    assert not answer.cookies


def test_a_waiting_request_holds_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fifty requests wait in the view: a chain that is synchronous anywhere would hold fifty threads."""
    from django.http import HttpResponse
    from django.urls import path

    from axons_service import urls

    release = asyncio.Event()

    async def wait(request: Any) -> HttpResponse:
        await release.wait()
        return HttpResponse("done")

    monkeypatch.setattr(urls, "urlpatterns", [path("health/wait", wait)])
    from django.urls import clear_url_caches

    clear_url_caches()

    async def scenario() -> None:
        browser = AsyncClient()
        before = threading.active_count()
        waiting = [asyncio.create_task(browser.get("/health/wait")) for _ in range(50)]
        await asyncio.sleep(0.5)
        assert threading.active_count() - before <= 2
        release.set()
        assert {answer.status_code for answer in await asyncio.gather(*waiting)} == {200}

    try:
        asyncio.run(scenario())
    finally:
        clear_url_caches()
