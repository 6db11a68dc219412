"""The operators' page in a browser: nothing runs over the edge, and an action is two presses away."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from playwright.sync_api import expect, sync_playwright

from axons_service.compute.models import Pool, Runner
from axons_service.jobs.models import Job
from tests.e2e.conftest import ARTIFACTS, FLAGS, SIZES
from tests.service.jobs.conftest import World

pytestmark = [pytest.mark.needs_chromium, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
OVER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
# every button's name, and whether it is large enough to press
BUTTONS = """[...document.querySelectorAll('.axons-page button')].map(
  b => [b.ariaLabel, b.getBoundingClientRect().height])"""


@pytest.mark.parametrize("width", sorted(SIZES))
def test_it_fits_and_cancels(
    world: World, live_server: Any, settings: Any, chromium_path: str, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # Playwright's loop runs in this thread
    settings.ALLOWED_HOSTS = ["*"]
    User.objects.create_superuser("root", password="root")
    long_ago = timezone.now() - timedelta(minutes=40)
    jobs = [world.training(dispatch=False) for _ in range(3)]
    Job.objects.update(created_at=long_ago)
    Pool.objects.update(
        scaling_reason="3 jobs wait; 0 machines cannot begin them within 10 s. 85 % of the day's budget is used.",
        provider_error="The project's quota of 4 GPUs is used up: https://api.example.org/v1/a-very-long-address/quota",
        budget_per_day=40,
        blocked_until=timezone.now() + timedelta(minutes=2),
    )
    Runner.objects.create(pool=world.pool, name="v100s-0a1b2c3d", state="active", device="NVIDIA V100S-PCIE-32GB")
    client = Client()
    client.force_login(User.objects.get())
    cookie = client.cookies["sessionid"].value
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=FLAGS)
        page = browser.new_page(viewport={"width": width, "height": SIZES[width]})
        page.context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
        wrong: list[str] = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("response", lambda answer: wrong.append(answer.url) if answer.status >= 400 else None)
        page.goto(f"{live_server.url}/admin/")
        page.get_by_role("link", name="Operations: pools").click()
        expect(page).to_have_title(re.compile("^Operations"))
        ARTIFACTS.mkdir(exist_ok=True)
        page.screenshot(path=Path(ARTIFACTS) / f"operations-{width}.png", full_page=True)
        assert page.evaluate(OVER) == 0
        buttons = page.evaluate(BUTTONS)
        assert f"Cancel {jobs[0].pk}" in [name for name, _ in buttons]
        assert all(name and height >= (40 if width < 640 else 24) for name, height in buttons)
        page.get_by_role("button", name=f"Cancel {jobs[0].pk}").click()
        expect(page.get_by_role("button", name="Yes, do it")).to_be_visible()
        page.screenshot(path=Path(ARTIFACTS) / f"operations-confirm-{width}.png", full_page=True)
        assert page.evaluate(OVER) == 0
        page.get_by_role("button", name="Yes, do it").click()
        expect(page.locator(".messagelist")).to_contain_text(f"Job cancelled: Job {jobs[0].pk}.")
        browser.close()
    assert [each for each in wrong if not each.endswith("/favicon.ico")] == []
    assert Job.objects.get(pk=jobs[0].pk).state == "cancelled"
