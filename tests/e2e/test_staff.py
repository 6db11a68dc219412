"""The grader and the author in a browser."""

import re
from collections.abc import Callable

from playwright.sync_api import expect

from tests.e2e.conftest import EXERCISE, Seat

Sit = Callable[[str], Seat]


def test_grace_overrides_kofis_score_and_he_and_the_grade_book_see_it(sit: Sit, kofis_submission: float) -> None:
    grace = sit("grace")
    unit = grace.open()
    unit.get_by_role("button", name="Submissions", exact=True).click()
    row = unit.get_by_role("row", name=re.compile("Kofi Lindqvist"))
    expect(row).to_be_visible()
    unit.get_by_role("button", name="Details of Kofi Lindqvist").click()
    unit.get_by_label("Points", exact=True).fill("7.5")
    unit.get_by_label("Reason for the override").fill("The reasoning is better than the figure.")
    unit.get_by_label("Comment for the student").fill("Good choice of network. Say why next time.")
    grace.pictures("grader-1-review")
    unit.get_by_role("button", name="Save score").click()
    expect(unit.get_by_text("Saved. The grade is on its way")).to_be_visible()
    grace.pictures("grader-2-saved")
    unit.get_by_role("button", name="Back to the list").click()
    expect(row).to_contain_text("7.5")

    grace.page.goto(f"{grace.demo.url}/instructor/gradebook/")
    cell = grace.page.locator("tr[data-student=kofi]")
    for _ in range(40):
        if "7.5" in cell.inner_text():
            break
        grace.page.wait_for_timeout(500)
        grace.page.reload()
    expect(cell).to_contain_text("7.5 / 10")
    grace.pictures("lms-gradebook")

    kofi = sit("kofi")
    unit = kofi.open()
    kofi.step("Hand in")
    expect(unit.locator(".ax-score")).to_contain_text("7.5")
    expect(unit.get_by_text("Good choice of network. Say why next time.")).to_be_visible()
    kofi.pictures("student-7-reviewed")


def test_grace_sees_how_her_class_gets_on(sit: Sit, kofis_submission: float) -> None:
    grace = sit("grace")
    unit = grace.open()
    unit.get_by_role("button", name="Class", exact=True).click()
    kofi = unit.get_by_role("row", name=re.compile("Kofi Lindqvist"))
    expect(kofi).to_contain_text("Handed in")
    expect(unit.get_by_role("row", name=re.compile("Grace"))).to_have_count(0)
    unit.get_by_role("button", name=re.compile("Handed in")).click()
    expect(kofi).to_be_visible()
    with grace.page.expect_download() as saved:
        unit.get_by_role("button", name="Download as CSV").click()
    assert "Kofi Lindqvist,kofi," in saved.value.path().read_text("utf-8-sig")
    expect(unit.get_by_role("button", name=re.compile("Not opened"))).to_be_visible()
    grace.pictures("grader-3-class")


def test_a_student_sees_neither_submissions_nor_studio(sit: Sit) -> None:
    ada = sit("ada")
    unit = ada.open()
    expect(unit.locator("nav.ax-rail")).to_be_visible()
    expect(unit.get_by_role("button", name="Submissions")).to_have_count(0)
    ada.page.goto(f"{ada.demo.url}/studio/container/everyday_objects/")
    expect(ada.page.get_by_role("heading", name="For course staff")).to_be_visible()


def test_grace_edits_the_exercise_and_a_wrong_value_is_a_sentence(sit: Sit) -> None:
    grace = sit("grace")
    grace.page.goto(f"{grace.demo.url}/studio/container/everyday_objects/")
    preview = grace.page.frame_locator("section.block-card iframe")
    expect(preview.get_by_text("Students train a model")).to_be_visible()
    grace.pictures("author-1-preview")
    grace.page.get_by_role("button", name="Edit").click()
    editor = grace.page.frame_locator("dialog iframe")
    most = editor.get_by_label("Epochs, at most")
    most.fill("-3")
    most.blur()
    editor.get_by_role("button", name="Save", exact=True).click()
    sentence = editor.locator("[role=alert], .ax-field-error, .ax-notice-error").first
    expect(sentence).to_contain_text(re.compile("epochs", re.IGNORECASE))
    grace.pictures("author-2-wrong-value")
    most.fill("30")
    most.blur()
    editor.get_by_role("button", name="Save", exact=True).click()
    expect(grace.page.locator("dialog[open]")).to_have_count(0)
    expect(preview.get_by_text("1 to 30")).to_be_visible()

    grace.open(EXERCISE)
    grace.step("Train")
    expect(grace.unit.get_by_text(re.compile("1 to 30, suggested 15"))).to_be_visible()
