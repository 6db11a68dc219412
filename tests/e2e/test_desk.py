"""The graders' desk in a browser: by keyboard alone, the full page, and what the student sees of it."""

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import FrameLocator, expect

from tests.e2e.conftest import Seat

Sit = Callable[[str], Seat]


def press(seat: Seat, *keys: str) -> None:
    for key in keys:
        seat.page.keyboard.press(key)
        seat.page.wait_for_timeout(150)


def focused(unit: FrameLocator) -> str:
    return str(unit.locator(":focus").evaluate("node => node.getAttribute('aria-label') || node.textContent"))


def test_grace_reviews_by_keyboard_alone_and_kofi_sees_it(sit: Sit, kofis_submission: float) -> None:
    grace = sit("grace")
    unit = grace.open()
    tab = unit.get_by_role("button", name="Submissions", exact=True)
    tab.focus()
    press(grace, "Enter")
    details = unit.get_by_role("button", name="Details of Kofi Lindqvist")
    expect(details.first).to_be_visible()
    grace.pictures("desk-1-list")
    for _ in range(40):
        if focused(unit).startswith("Details of"):
            break
        press(grace, "Tab")
    assert focused(unit) == "Details of Kofi Lindqvist"
    press(grace, "?")
    expect(unit.get_by_text("next submission")).to_be_visible()
    press(grace, "?", "Enter")
    heading = unit.locator(".ax-detail-title")
    expect(heading).to_be_focused()
    expect(unit.locator(".ax-review-form")).to_be_visible()
    expect(unit.locator(".ax-confusion")).to_be_visible()
    grace.pictures("desk-2-detail")
    press(grace, "r")
    expect(unit.get_by_label("Points", exact=True)).to_be_focused()
    grace.page.keyboard.type("6.5")
    press(grace, "Tab")
    expect(unit.get_by_label("Reason for the override")).to_be_focused()
    grace.page.keyboard.type("Two pictures were mislabelled.")
    press(grace, "Tab")
    grace.page.keyboard.type("Your cats are all on sofas. Look again.")
    expect(unit.get_by_text(re.compile("is grading this until"))).to_be_visible()
    for _ in range(6):
        if focused(unit) == "Save score":
            break
        press(grace, "Tab")
    press(grace, "Enter")
    expect(unit.get_by_text("Saved. The grade is on its way")).to_be_visible()
    press(grace, "Escape")
    expect(unit.get_by_role("row", name=re.compile("Kofi Lindqvist")).first).to_contain_text("6.5")

    kofi = sit("kofi")
    unit = kofi.open()
    kofi.step("Hand in")
    expect(unit.locator(".ax-score")).to_contain_text("6.5")
    expect(unit.get_by_text("Your cats are all on sofas. Look again.")).to_be_visible()
    expect(unit.get_by_text("Two pictures were mislabelled.")).to_have_count(0)


def test_kofi_hears_of_a_return_at_once(sit: Sit, kofis_submission: float) -> None:
    kofi = sit("kofi")
    kofis = kofi.open()
    kofi.step("Hand in")
    grace = sit("grace")
    unit = grace.open()
    unit.get_by_role("button", name="Submissions", exact=True).click()
    unit.get_by_label("Search by name").fill("lindq")
    unit.get_by_role("button", name="Details of Kofi Lindqvist").first.click()
    unit.get_by_label("Comment for the student").fill("Add pictures by night.")
    unit.get_by_label(re.compile("Give back for revision")).check()
    unit.get_by_role("button", name="Give back", exact=True).click()
    expect(unit.get_by_text("Given back. The student may hand in again.")).to_be_visible()
    expect(kofis.get_by_text("Your grader gave this back for revision")).to_be_visible(timeout=15_000)
    expect(kofis.get_by_text("Add pictures by night.")).to_be_visible()
    unit.get_by_text("Audit trail").click()
    expect(unit.get_by_text(re.compile("given back: no → yes"))).to_be_visible()


def test_search_finds_by_name_and_nobody_else(sit: Sit, kofis_submission: float) -> None:
    grace = sit("grace")
    unit = grace.open()
    unit.get_by_role("button", name="Submissions", exact=True).click()
    expect(unit.get_by_role("button", name="Details of Kofi Lindqvist").first).to_be_visible()
    unit.get_by_label("Search by name").fill("ada")
    expect(unit.get_by_text("No submission matches.")).to_be_visible()
    unit.get_by_label("Search by name").fill("KOFI")
    expect(unit.get_by_role("button", name="Details of Kofi Lindqvist").first).to_be_visible()


def test_the_full_page_opens_once(sit: Sit, kofis_submission: float) -> None:
    grace = sit("grace")
    unit = grace.open()
    unit.get_by_role("button", name="Submissions", exact=True).click()
    unit.get_by_role("button", name="Full page").click()
    link = unit.get_by_role("link", name="Open it now (works once)")
    address = str(link.evaluate("node => node.href"))
    page = grace.page
    page.goto(address)
    expect(page.get_by_role("button", name="Details of Kofi Lindqvist").first).to_be_visible()
    assert "link=" not in page.url
    grace.pictures("desk-3-full-page")
    page.get_by_text("All submissions: regrade, table, zip").click()
    page.get_by_role("button", name="Make a table (CSV)").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Fetch with names").first.click(timeout=60_000)
    table = Path(download.value.path()).read_text("utf-8-sig")
    assert table.startswith("name,username,learner,")
    assert "Kofi Lindqvist,kofi," in table
    page.goto(address)
    expect(page.get_by_role("alert")).to_contain_text("This link was used or is too old.")
