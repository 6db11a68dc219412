"""Two thousand pictures over a connection that is cut three times: all arrive, none twice, and the page shows it."""

import io
import random
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import boto3
import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Playwright, expect

from axons_demo.check.client import Person
from axons_demo.check.watch import until
from tests.e2e.conftest import ARTIFACTS, FLAGS, RunningDemo, Seat
from tests.support.cable import Cable

CLASSES = ("ball", "bird", "cow", "fish", "flower", "fruit", "guitar", "insect", "tool", "vehicle")
COUNT = 2000
TWICE = 5
OUT_SECONDS = 2.5
PATIENT = 30_000.0


def picture(seed: int) -> bytes:
    """A small photograph that no other seed gives, a few kilobytes."""
    small = Image.frombytes("RGB", (12, 12), random.Random(seed).randbytes(432))
    buffer = io.BytesIO()
    small.resize((96, 96), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """2,000 pictures in a folder per class, and five of them once more under another name."""
    root = tmp_path_factory.mktemp("many") / "everything"
    for label in CLASSES:
        (root / label).mkdir(parents=True)
    for number in range(COUNT):
        content = picture(number)
        home = root / CLASSES[number % len(CLASSES)]
        (home / f"picture-{number:04}.jpg").write_bytes(content)
        if number < TWICE:
            (home / f"again-{number:04}.jpg").write_bytes(content)
    return root


class Line:
    """The student's connection: one cable to the LMS with its handlers, one to the service, one to the store."""

    def __init__(self, demo: RunningDemo, stack: ExitStack) -> None:
        ports = demo.plan.ports
        self.cables = {name: stack.enter_context(Cable(getattr(ports, name))) for name in ("lms", "service", "s3")}

    @property
    def flag(self) -> str:
        """Chromium keeps the addresses, which are signed, and connects to the cables."""
        rules = [f"MAP 127.0.0.1:{each.port} 127.0.0.1:{each.own_port}" for each in self.cables.values()]
        return f"--host-resolver-rules={', '.join(rules)}"

    def pull(self, *names: str) -> int:
        """Break the connections to these; how many there were."""
        return sum(self.cables[name].pull() for name in names)

    def plug(self, *names: str) -> None:
        for name in names:
            self.cables[name].plug()


@pytest.fixture
def line(demo: RunningDemo) -> Iterator[Line]:
    with ExitStack() as stack:
        yield Line(demo, stack)


@pytest.fixture
def seat(demo: RunningDemo, line: Line, playwright_: Playwright, chromium_path: str) -> Iterator[Seat]:
    browser: Browser = playwright_.chromium.launch(executable_path=chromium_path, args=[*FLAGS, line.flag])
    context: BrowserContext = browser.new_context(viewport={"width": 1280, "height": 900})
    seat = Seat(demo, context, "kofi")
    yield seat
    ARTIFACTS.mkdir(exist_ok=True)
    seat.page.screenshot(path=ARTIFACTS / "last-upload.png", full_page=True)
    browser.close()
    assert seat.errors == []


class Watch:
    """What the student sees of the sending."""

    def __init__(self, seat: Seat) -> None:
        self.seat = seat
        self.seen: list[tuple[int, int]] = []

    def look(self) -> int:
        """How many pictures the page says are sent; remembers it with the bar's value."""
        panel = self.seat.unit.locator(".ax-sending")
        words = panel.locator(".ax-sending-count").inner_text()
        bar = panel.get_by_role("progressbar").get_attribute("aria-valuenow")
        sent = int(re.sub(r"\D", "", re.split(r" of | pictures", words)[0]))
        self.seen.append((sent, int(bar or 0)))
        return sent

    def wait_for(self, count: int, seconds: float = 240) -> int:
        deadline = time.monotonic() + seconds
        while (sent := self.look()) < count:
            assert time.monotonic() < deadline, f"only {sent} of {count} pictures after {seconds} s"
            time.sleep(0.05)
        return sent

    def picture(self, name: str) -> None:
        self.seat.unit.locator(".ax-sending").scroll_into_view_if_needed()
        self.seat.page.screenshot(path=ARTIFACTS / f"upload-{name}.png")


def every(read: Callable[..., Any], path: str, field: str) -> list[Any]:
    """All pages of a list."""
    found: list[Any] = []
    after: dict[str, str] = {}
    while True:
        page = read(path, limit=200, **after)
        found += page[field]
        if page["next"] is None:
            return found
        after = {"after": page["next"]}


def blobs(demo: RunningDemo, project: str) -> list[str]:
    """What the store holds of the project's pictures."""
    store = demo.plan.store
    client = boto3.client(
        "s3",
        endpoint_url=store.url,
        region_name="us-east-1",
        aws_access_key_id=store.access_key,
        aws_secret_access_key=store.secret_key,
    )
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=store.bucket)
    keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
    return [key for key in keys if f"projects/{project}/blobs/" in key]


def test_2000_pictures_arrive_once_each_over_a_connection_that_is_cut_three_times(
    demo: RunningDemo, seat: Seat, line: Line, folder: Path
) -> None:
    ARTIFACTS.mkdir(exist_ok=True)
    unit = seat.open()
    seat.step("Pictures")
    unit.get_by_role("button", name=re.compile("Start from nothing")).click()
    unit.locator("input[type=file][webkitdirectory]").set_input_files(folder)
    watch = Watch(seat)
    expect(unit.locator(".ax-sending")).to_be_visible(timeout=PATIENT)
    started = time.monotonic()

    watch.wait_for(300)
    watch.picture("1-sending")
    assert line.pull("s3") > 0, "the first cut broke no connection: nothing was being sent"
    time.sleep(OUT_SECONDS)
    line.plug("s3")

    before = watch.wait_for(750)
    assert before < COUNT - TWICE, "everything had been sent before the second cut"
    assert line.pull("s3", "lms", "service") > 0
    expect(unit.locator(".ax-sending-broken")).to_be_visible(timeout=PATIENT)
    watch.picture("2-broken")
    seat.page.set_viewport_size({"width": 375, "height": 800})
    watch.picture("2-broken-375")
    seat.page.set_viewport_size({"width": 1280, "height": 900})
    line.plug("s3", "lms", "service")

    before = watch.wait_for(1200)
    assert before < COUNT - TWICE, "everything had been sent before the third cut"
    assert line.pull("s3") > 0
    seat.page.context.set_offline(True)
    time.sleep(OUT_SECONDS)
    line.plug("s3")
    seat.page.context.set_offline(False)

    watch.wait_for(COUNT)
    expect(unit.locator(".ax-sending-count")).to_have_text("2,000 pictures have arrived", timeout=PATIENT)
    seconds = time.monotonic() - started
    expect(unit.get_by_text("5 files are left out; the rest is kept")).to_be_visible(timeout=PATIENT)
    watch.picture("3-arrived")
    values = [value for _, value in watch.seen]
    assert values[-1] == 100
    assert len(set(values)) >= 15, f"the bar was hardly seen moving: {sorted(set(values))}"

    unit.get_by_role("button", name="Check and save as a new version").click()
    person = Person(demo.url, "kofi")
    exercise = person.exercise("everyday_objects")
    project = exercise.call("open")["project"]

    def ready() -> Any:
        newest = exercise.read(f"/projects/{project['id']}")["training_sets"][0]
        assert newest["state"] != "failed", newest["message"]
        return newest if newest["state"] == "ready" else None

    checking = time.monotonic()
    newest = until("the training set", ready, 400)
    print(f"\n2,000 pictures: sent in {seconds:.1f} s with three cuts, checked in {time.monotonic() - checking:.1f} s")
    members = every(exercise.read, f"/training-sets/{newest['id']}/images", "images")
    assert newest["image_count"] == len(members) == COUNT
    assert len({each["sha256"] for each in members}) == COUNT
    names = {each["name"] for each in members}
    assert len({re.sub("again|picture", "", name) for name in names}) == COUNT
    assert newest["report_counts"] == {"added": COUNT}, "nothing came twice to the check"
    assert len(blobs(demo, project["id"])) == COUNT
    assert every(exercise.read, "/uploads", "uploads") == []
    expect(unit.locator("nav.ax-rail")).to_contain_text("2,000 pictures", timeout=PATIENT)
    seat.pictures("upload-4-ready")
