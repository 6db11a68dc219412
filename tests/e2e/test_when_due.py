"""Due dates, extensions and scores that are kept back, in a browser. (Its name puts it last: it hands one more in.)"""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from axons_demo.check.client import HandlerError, Person
from tests.e2e.conftest import RunningDemo, Seat

Sit = Callable[[str], Seat]
HANDED_IN = re.compile("is being scored|on the hidden pictures|is handed in")


def dates(seat: Seat, *, due: timedelta | None, results: str = "always") -> None:
    """Course staff set the exercise's due date, that long from now, and when its results are shown."""
    wanted = moment(due)  # once: the hour may turn meanwhile
    seat.page.goto(f"{seat.demo.url}/instructor/dates/")
    card = seat.page.locator("[data-exercise=everyday_objects]")
    card.get_by_label("Due", exact=True).fill(wanted)
    card.get_by_label("Show results").select_option(results)
    card.get_by_role("button", name="Save").click()
    expect(card.get_by_label("Due", exact=True)).to_have_attribute("value", wanted)


def extension(seat: Seat, name: str, due: timedelta | None) -> None:
    """Course staff give one student a due date of their own."""
    wanted = moment(due)
    seat.page.goto(f"{seat.demo.url}/instructor/dates/")
    form = seat.page.locator("[data-exercise=everyday_objects] form", has_text=f"Due for {name}")
    form.get_by_label(re.compile("Due for")).fill(wanted)
    form.get_by_role("button", name="Extend").click()
    expect(form.get_by_label(re.compile("Due for"))).to_have_attribute("value", wanted)


def moment(due: timedelta | None) -> str:
    return "" if due is None else (datetime.now(UTC) + due).strftime("%Y-%m-%dT%H:00:00")


@pytest.fixture
def grace(sit: Sit) -> Iterator[Seat]:
    """Course staff; what they set is taken back, because others use the demo too."""
    seat = sit("grace")
    yield seat
    extension(seat, "Ada Mensah", None)
    dates(seat, due=None)


def test_after_the_due_date_ada_reads_and_trains_and_an_extension_lets_her_hand_in(
    sit: Sit, grace: Seat, demo: RunningDemo, adas_submission: float
) -> None:
    dates(grace, due=timedelta(hours=-2))
    grace.pictures("lms-dates")
    ada = sit("ada")
    unit = ada.open()
    expect(unit.locator(".ax-facts")).to_contain_text("Was due")
    ada.step("Hand in")
    expect(unit.get_by_text("Handing in has ended")).to_be_visible()
    expect(unit.get_by_text("If you need more time, ask the course staff.")).to_be_visible()
    expect(unit.get_by_role("button", name="Hand in this model")).to_have_count(0)
    expect(unit.locator(".ax-score")).to_contain_text("on the hidden pictures")
    ada.pictures("student-9-ended")
    ada.step("Results")
    expect(unit.get_by_text("What it takes for what")).to_be_visible()
    ada.step("Train")
    expect(unit.get_by_role("button", name="Train", exact=True)).to_be_enabled()

    # A page that does not know, or does not care, changes nothing: the service refuses.
    exercise = Person(demo.url, "ada").exercise("everyday_objects")
    model = exercise.call("open")["project"]["models"][0]["id"]
    with pytest.raises(HandlerError, match=r"Handing in ended on .* UTC\. .* ask the course staff\.") as refusal:
        exercise.change("submission_create", {"model": model})
    assert (refusal.value.status, refusal.value.code) == (409, "hand_in_closed")

    extension(grace, "Ada Mensah", timedelta(days=2))
    unit = ada.open()
    expect(unit.locator(".ax-facts")).to_contain_text("in 2 days")
    ada.step("Hand in")
    expect(unit.get_by_text("Hand in by")).to_be_visible()
    unit.get_by_role("button", name="Hand in this model").click()
    unit.get_by_role("button", name="Hand in", exact=True).click()
    expect(unit.get_by_text(HANDED_IN).first).to_be_visible()


def test_a_score_that_is_kept_back_is_for_staff_alone_until_the_due_date(
    sit: Sit, grace: Seat, demo: RunningDemo, adas_submission: float
) -> None:
    dates(grace, due=timedelta(days=2), results="past_due")
    ada = sit("ada")
    unit = ada.open()
    expect(unit.locator(".ax-facts")).to_contain_text("shown from")
    ada.step("Hand in")
    expect(unit.get_by_text("Your educator shows scores from")).to_be_visible()
    expect(unit.locator(".ax-headline-number")).to_have_count(0)
    ada.pictures("student-10-withheld")
    project = Person(demo.url, "ada").exercise("everyday_objects").call("open")["project"]
    assert {each["score"] for each in project["submissions"]} == {None}
    ada.page.goto(f"{demo.url}/learning/progress/")
    expect(ada.page.locator("table tbody tr").first).to_contain_text("Hidden")

    unit = grace.open()
    unit.get_by_role("button", name="Submissions", exact=True).click()
    expect(unit.get_by_role("row", name=re.compile("Ada Mensah")).first).to_contain_text("%")

    dates(grace, due=timedelta(hours=-2), results="past_due")
    unit = ada.open()
    ada.step("Hand in")
    expect(unit.locator(".ax-score")).to_contain_text("on the hidden pictures")
