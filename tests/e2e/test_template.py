"""An author builds an exercise from a template, and a student meets it."""

import re
from collections.abc import Callable

from playwright.sync_api import expect

from tests.e2e.conftest import EXERCISE, Seat

Sit = Callable[[str], Seat]


def test_grace_builds_an_exercise_from_a_template_and_ada_meets_it(sit: Sit) -> None:
    grace = sit("grace")
    grace.page.goto(f"{grace.demo.url}/studio/container/everyday_objects/")
    grace.page.get_by_role("button", name="Edit").click()
    editor = grace.page.frame_locator("dialog iframe")
    editor.get_by_role("button", name="Beat the baseline").click()
    editor.get_by_label("Title").fill("Beat 90 %")
    expect(editor.get_by_label("Tries")).to_have_value("5")
    grace.pictures("author-3-template")
    editor.get_by_role("button", name="Save", exact=True).click()
    expect(grace.page.locator("dialog[open]")).to_have_count(0)
    preview = grace.page.frame_locator("section.block-card iframe")
    expect(preview.get_by_role("heading", name="Beat 90 %")).to_be_visible()
    expect(preview.get_by_text("1 to 40")).to_be_visible()

    ada = sit("ada")
    unit = ada.open(EXERCISE)
    expect(unit.get_by_role("heading", name="Beat 90 %")).to_be_visible()
    ada.step("Hand in")
    expect(unit.get_by_text(re.compile("95 ?%")).first).to_be_visible()
    ada.pictures("student-8-from-template")
