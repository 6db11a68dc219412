"""One running demo for all browser tests, and people who sit at browsers of their own."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.base import AXE_FILE_PATH
from playwright.sync_api import Browser, BrowserContext, FrameLocator, Page, Playwright, sync_playwright

from tests.support import servers
from tests.support.running_demo import RunningDemo, running_demo

ARTIFACTS = servers.ROOT / "test-artifacts"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
SIZES = {1280: 900, 375: 800}
README_IMAGES = {
    "student-4-results": "student.png",
    "grader-1-review": "grader.png",
    "grader-3-class": "class.png",
    "author-3-template": "studio.png",
    "desk-1-list": "desk-list.png",
    "desk-2-detail": "desk-detail.png",
}
AXE = """() => axe.run(".axons-block", {
  runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
})"""
EXERCISE = "/learning/course/everyday_objects/"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = str(Path(__file__).parent)
    for item in items:
        if str(item.path).startswith(here):
            item.add_marker(pytest.mark.needs_chromium)
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(scope="session")
def demo() -> Iterator[RunningDemo]:
    """One demo for all browser tests."""
    with running_demo() as demo:
        yield demo


@pytest.fixture(scope="session")
def playwright_() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def browser(playwright_: Playwright, chromium_path: str) -> Iterator[Browser]:
    running = playwright_.chromium.launch(executable_path=chromium_path, args=FLAGS)
    yield running
    running.close()


class Seat:
    """Somebody at a browser: a page of the demo LMS, and the exercise inside its iframe."""

    def __init__(self, demo: RunningDemo, context: BrowserContext, username: str) -> None:
        self.demo = demo
        self.username = username
        self.errors: list[str] = []
        self.page: Page = context.new_page()
        self.page.set_default_timeout(20_000)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(demo.url)
        self.page.click(f"button.person[value={username}]")

    @property
    def unit(self) -> FrameLocator:
        """What is inside the unit's iframe."""
        return self.page.frame_locator("iframe.unit-frame")

    def open(self, path: str = EXERCISE) -> FrameLocator:
        self.page.goto(self.demo.url + path)
        return self.unit

    def step(self, name: str) -> None:
        """Choose a step on the exercise's line."""
        self.unit.locator("nav.ax-rail").get_by_text(name, exact=True).click()

    def barriers(self) -> list[str]:
        """What axe-core objects to in the exercise as it is shown, wherever it is: WCAG 2.2 A and AA, best practice."""
        found = []
        for frame in self.page.frames:
            if frame.locator(".axons-block").count() == 0:
                continue
            frame.evaluate(AXE_FILE_PATH.read_text(encoding="utf-8"))
            for violation in frame.evaluate(AXE)["violations"]:
                found += [f"{violation['id']}: {node['html'][:200]}" for node in violation["nodes"]]
        return found

    def pictures(self, name: str) -> None:
        """The page as it is, at 1280 and at 375 pixels; no screen that is worth a picture may shut anybody out."""
        assert self.barriers() == [], name
        ARTIFACTS.mkdir(exist_ok=True)
        for width, height in SIZES.items():
            self.page.set_viewport_size({"width": width, "height": height})
            self.page.wait_for_timeout(700)
            self.page.screenshot(path=ARTIFACTS / f"{name}-{width}.png", full_page=True)
        self.page.set_viewport_size({"width": 1280, "height": 900})
        folder = os.environ.get("AXONS_README_IMAGES")
        if folder and name in README_IMAGES:
            self.page.set_viewport_size({"width": 1280, "height": 1040})
            self.page.evaluate("window.scrollTo(0, 0)")
            self.page.wait_for_timeout(700)
            self.page.screenshot(path=servers.ROOT / folder / README_IMAGES[name])
            self.page.set_viewport_size({"width": 1280, "height": 900})


@pytest.fixture
def sit(demo: RunningDemo, browser: Browser) -> Iterator[Callable[[str], Seat]]:
    """Seats by user name. A script error on any of their pages fails the test."""
    contexts: list[BrowserContext] = []
    seats: list[Seat] = []

    def take(username: str) -> Seat:
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        contexts.append(context)
        seats.append(Seat(demo, context, username))
        return seats[-1]

    yield take
    ARTIFACTS.mkdir(exist_ok=True)
    for seat in seats:
        seat.page.screenshot(path=ARTIFACTS / f"last-{seat.username}.png", full_page=True)
    for context in contexts:
        context.close()
    assert [error for seat in seats for error in seat.errors] == []


@pytest.fixture(scope="session")
def kofis_submission(demo: RunningDemo) -> float:
    """Kofi has handed in a model, through the handlers. Returns his points."""
    return handed_in(demo, "kofi")


@pytest.fixture(scope="session")
def adas_submission(demo: RunningDemo) -> float:
    """Ada has handed in a model, in her own test or here. Returns her points."""
    return handed_in(demo, "ada")


def handed_in(demo: RunningDemo, username: str) -> float:
    """The student's points in the grade book, after a training and a hand-in if there are none yet."""
    from axons_demo.check.client import Person
    from axons_demo.check.watch import until

    grace = Person(demo.url, "grace")
    if username in grace.grades():
        return grace.grades()[username][0]
    exercise = Person(demo.url, username).exercise("everyday_objects")
    project = exercise.call("open")["project"]
    defaults = {name: bound["default"] for name, bound in project["spec"]["hyperparameters"].items()}
    job = exercise.change(
        "job_create",
        {
            "kind": "training",
            "training_set": project["starter_set"]["id"],
            "hyperparameters": {**defaults, "architecture": "efficientnet_lite0", "epochs": 2},
        },
    )

    def model() -> Any:
        seen = exercise.read(f"/jobs/{job['id']}")
        assert seen["state"] not in ("failed", "cancelled"), seen["failure"]
        return seen["model"] if seen["state"] == "succeeded" else None

    exercise.change("submission_create", {"model": until(f"the model of {username}", model, 400)})
    earned, _ = until(f"the grade of {username}", lambda: grace.grades().get(username), 200)
    return float(earned)
