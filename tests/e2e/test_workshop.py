"""An author makes a starter set in Studio: from a zip, published and chosen; then a copy of it, published."""

import io
import re
import zipfile
from collections.abc import Callable

from playwright.sync_api import FrameLocator, expect

from tests.e2e.conftest import EXERCISE, Seat
from tests.service.training_sets import pictures_made as made

Sit = Callable[[str], Seat]


def zipped(classes: list[str], each: int) -> bytes:
    """A small zip with a folder for each class; one file in it is no picture."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for place, label in enumerate(classes):
            for number in range(each):
                archive.writestr(f"{label}/{number}.jpg", made.jpeg(9000 + 100 * place + number))
        archive.writestr(f"{classes[0]}/notes.jpg", b"not a picture")
    return file.getvalue()


def edit(grace: Seat) -> FrameLocator:
    grace.page.goto(f"{grace.demo.url}/studio/container/everyday_objects/")
    grace.page.get_by_role("button", name="Edit").click()
    return grace.page.frame_locator("dialog iframe")


def save(grace: Seat, editor: FrameLocator) -> None:
    editor.get_by_role("button", name="Save", exact=True).click()
    expect(grace.page.locator("dialog[open]")).to_have_count(0)


def test_grace_uploads_a_starter_set_publishes_it_and_forks_it(sit: Sit) -> None:
    grace = sit("grace")
    editor = edit(grace)
    picker = editor.get_by_label("Starter set", exact=True)
    hint = editor.locator(".ax-field", has=picker).locator(".ax-hint")
    classes = (hint.inner_text().split("\n")[1]).split(", ")
    before = picker.input_value()

    editor.get_by_role("button", name="Make a starter set").click()
    expect(editor.get_by_text("There is no draft yet.")).to_be_visible()
    grace.pictures("author-4-workshop-empty")
    archive = {"name": "my-things.zip", "mimeType": "application/zip", "buffer": zipped(classes, 4)}
    editor.get_by_label("A zip of pictures").set_input_files(archive)
    publish = editor.get_by_role("button", name="Publish and choose it")
    expect(publish).to_be_visible(timeout=90_000)
    expect(editor.get_by_text(re.compile("notes.jpg")).first).to_be_attached()
    title = editor.get_by_label("Title of the set")
    publish.click()
    expect(title).to_have_attribute("aria-invalid", "true")
    title.fill("Things on my desk")
    editor.get_by_label("Licence", exact=True).fill("CC BY 4.0")
    editor.get_by_label("What it shows", exact=True).fill("Photographs of one desk, at noon and at night.")
    editor.get_by_label("Who made the pictures", exact=True).fill("Grace and her class of 2026.")
    grace.pictures("author-5-workshop-draft")
    publish.click()
    expect(editor.get_by_text("“Things on my desk” is published")).to_be_visible(timeout=60_000)
    expect(picker).to_have_value(re.compile(r"^things-on-my-desk@[0-9a-f]{64}$"))
    first = picker.input_value()
    expect(editor.get_by_text("“Things on my desk” is published")).to_be_in_viewport()
    grace.pictures("author-6-workshop-published")
    save(grace, editor)

    ada = sit("ada")
    unit = ada.open(EXERCISE)
    ada.step("Pictures")
    expect(unit.get_by_text("Things on my desk").first).to_be_visible()

    editor = edit(grace)
    editor.get_by_role("button", name="Change a copy of “Things on my desk”").click()
    expect(editor.get_by_label("Publish it as")).to_be_visible(timeout=60_000)
    editor.get_by_role("button", name="Add or change pictures").click()
    editor.locator(".ax-pickable").first.click()
    editor.get_by_role("button", name="Leave out", exact=True).click()
    grace.pictures("author-7-workshop-fork")
    editor.get_by_role("button", name="Check and save as a new version").click()
    expect(publish).to_be_visible(timeout=60_000)
    publish.click()
    expect(editor.get_by_text(re.compile("Version 2 is chosen"))).to_be_visible(timeout=60_000)
    second = editor.get_by_label("Starter set", exact=True).input_value()
    assert second.split("@")[0] == first.split("@")[0]
    assert second != first
    ada.page.reload()
    ada.step("Pictures")
    expect(unit.get_by_text("Things on my desk").first).to_be_visible()

    editor.get_by_label("Starter set", exact=True).select_option(before)
    save(grace, editor)
