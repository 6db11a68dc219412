"""A student's whole path in a browser."""

import re
from collections.abc import Callable

from playwright.sync_api import expect

from axons_demo.check import pictures
from tests.e2e.conftest import RunningDemo, Seat

Sit = Callable[[str], Seat]
MINUTES = 60_000.0


def epoch(seat: Seat) -> int:
    """The epoch that the rail says the running training is in; 0 before the first."""
    found = re.search(r"epoch (\d+) of", seat.unit.locator("nav.ax-rail").inner_text())
    return int(found[1]) if found else 0


def test_ada_trains_watches_tries_a_picture_hands_in_and_has_a_grade(sit: Sit) -> None:
    ada = sit("ada")
    unit = ada.open()
    expect(unit.locator("nav.ax-rail")).to_contain_text("1,200 pictures")
    expect(unit.locator(".ax-card:visible img").first).to_be_visible()
    ada.pictures("student-1-pictures")

    ada.step("Train")
    unit.get_by_text("Small network from scratch").click()
    unit.locator("input.ax-number").first.fill("30")
    unit.get_by_role("button", name="Train", exact=True).click()
    # The curve moves: the chart is there, and the epoch counts up without a reload.
    expect(unit.locator(".ax-curves canvas").first).to_be_visible(timeout=2 * MINUTES)
    expect(unit.locator("nav.ax-rail")).to_contain_text("epoch", timeout=2 * MINUTES)
    first = epoch(ada)
    ada.pictures("student-2-training")
    ada.page.wait_for_function(
        "n => Number((/epoch (\\d+) of/.exec(document.querySelector('iframe.unit-frame').contentDocument"
        ".querySelector('nav.ax-rail').innerText) || [])[1]) > n",
        arg=first,
        timeout=4 * MINUTES,
    )
    ada.pictures("student-2-learning")
    unit.get_by_role("button", name="Cancel").click()
    expect(unit.locator(".ax-job")).to_contain_text("Cancelled", timeout=MINUTES)

    unit.get_by_text("EfficientNet-Lite0").first.click()
    unit.locator("input.ax-number").first.fill("8")
    unit.get_by_role("button", name="Train", exact=True).click()
    expect(unit.locator(".ax-job")).to_contain_text("Finished", timeout=4 * MINUTES)
    ada.pictures("student-3-trained")

    unit.get_by_role("button", name="See what it gets wrong").click()
    expect(unit.get_by_text("What it takes for what")).to_be_visible()
    ada.pictures("student-4-results")

    ada.step("Try it")
    sample = pictures.samples()[0]
    unit.locator(".ax-card:visible input[type=file]:not([multiple])").first.set_input_files(sample)
    expect(unit.locator(".ax-answer-headline")).to_have_text(sample.stem, timeout=MINUTES)
    expect(unit.locator("img.ax-overlay")).to_be_visible()
    ada.pictures("student-5-tried")

    ada.step("Hand in")
    unit.get_by_role("button", name="Hand in this model").click()
    unit.get_by_role("button", name="Hand in", exact=True).click()
    expect(unit.locator(".ax-score")).to_contain_text("on the hidden pictures", timeout=2 * MINUTES)
    ada.pictures("student-6-handed-in")

    ada.page.wait_for_timeout(1500)
    ada.page.goto(f"{ada.demo.url}/learning/progress/")
    expect(ada.page.get_by_role("row", name=re.compile("Teach a computer"))).to_contain_text("10 / 10")
    ada.pictures("lms-progress")


def test_a_learning_rate_outside_the_bounds_is_refused_with_the_range(sit: Sit) -> None:
    seat = sit("kofi")
    unit = seat.open()
    seat.step("Train")
    unit.locator("input.ax-number").nth(1).fill("5")
    unit.get_by_role("button", name="Train", exact=True).click()
    expect(unit.get_by_text(re.compile(r"between 0\.0001 and 0\.1"))).to_be_visible()
    seat.pictures("student-out-of-range")


def test_a_supplied_model_answers_without_any_training(sit: Sit) -> None:
    seat = sit("kofi")
    unit = seat.open("/learning/course/ready_model/")
    sample = pictures.samples()[0]
    unit.locator("input[type=file]").first.set_input_files(sample)
    expect(unit.locator(".ax-answer-headline")).to_have_text(sample.stem, timeout=MINUTES)
    seat.pictures("student-supplied-model")


def test_a_stopped_service_says_that_work_is_safe_and_the_page_recovers_by_itself(sit: Sit, demo: RunningDemo) -> None:
    seat = sit("kofi")
    unit = seat.open()
    expect(unit.locator("nav.ax-rail")).to_be_visible()
    demo.stop_service()
    try:
        expect(unit.get_by_text("Your work is safe").first).to_be_visible(timeout=MINUTES)
        seat.pictures("student-service-stopped")
    finally:
        demo.start_service()
    expect(unit.get_by_text("Connected again")).to_be_visible(timeout=2 * MINUTES)
    expect(unit.locator("nav.ax-rail")).to_be_visible()
