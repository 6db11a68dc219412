"""Many pictures at once: a zip with good and hostile files in, a table out, saved by a short link."""

from __future__ import annotations

import csv
import io
import zipfile
from typing import Any

from axons_demo.check import pictures
from axons_demo.check.client import Exercise
from axons_demo.check.watch import until
from axons_demo.errors import DemoError

REFUSED = {
    "shopping list.jpg": "is not a picture",
    "huge.png": "too many",
    "more.zip": "archive inside the zip",
    "../up.jpg": "points out of the zip",
}


def looked_at(exercise: Exercise, model: str) -> str:
    """What became of a zip of the sample pictures and four files that are none. Raises DemoError."""
    job, files = table_of(exercise, model)
    rows = {row["file"]: row for row in csv.DictReader(io.StringIO(files["predictions.csv"].decode("utf-8-sig")))}
    good = [path.name for path in pictures.samples()]
    if set(rows) != {*good, *REFUSED}:
        raise DemoError(f"the table has lines for {sorted(rows)}.")
    for name, why in REFUSED.items():
        if why not in rows[name]["not read because"] or rows[name]["class"]:
            raise DemoError(f"the table says of {name}: {rows[name]}.")
    if not all(rows[name]["class"] for name in good):
        raise DemoError("the table has no class for a good picture.")
    masks = _masks(files, good)
    right = sum(rows[name]["class"] in name.replace("_", " ").replace("-", " ") for name in good)
    named = "" if masks else f", {right} of them named as the file is"
    took = job["batch"]["seconds"]
    return f"{len(good)} pictures in {took:.1f} s{named}{masks}; {len(REFUSED)} files refused with a sentence each"


def table_of(exercise: Exercise, model: str) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The finished job of the zip, and its files by name."""
    name, content = "many.zip", _zip()
    upload = exercise.upload([(name, content, "application/zip")], "prediction_archive")[name]
    job = exercise.change("job_create", {"kind": "inference", "model": model, "archive": upload})

    def finished() -> Any:
        seen = exercise.read(f"/jobs/{job['id']}")
        if seen["state"] in ("failed", "cancelled"):
            raise DemoError(f"the table failed: {seen['failure']}")
        return seen if seen["state"] == "succeeded" else None

    done = until("the table of many pictures", finished, 120, 0.2)
    links = exercise.read(f"/jobs/{job['id']}/batch")["files"]
    return done, {each["name"]: _saved(exercise, each["url"]) for each in links}


def _zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for path in pictures.samples():
            archive.writestr(path.name, path.read_bytes())
        archive.writestr("shopping list.jpg", pictures.text_as_picture())
        archive.writestr("huge.png", pictures.huge_png())
        archive.writestr("more.zip", b"PK\x03\x04")
        archive.writestr("../up.jpg", pictures.samples()[0].read_bytes())
    return out.getvalue()


def _saved(exercise: Exercise, url: str) -> bytes:
    answer = exercise.person.session.get(url, timeout=30)
    if answer.status_code != 200 or "attachment" not in answer.headers.get("Content-Disposition", ""):
        raise DemoError(f"a file of the table could not be saved: {answer.status_code}.")
    return bytes(answer.content)


def _masks(files: dict[str, bytes], good: list[str]) -> str:
    if "masks.zip" not in files:
        return ""
    with zipfile.ZipFile(io.BytesIO(files["masks.zip"])) as archive:
        found = len(archive.namelist())
    if found != len(good):
        raise DemoError(f"there are {found} masks of {len(good)} pictures.")
    return f", {found} masks"
