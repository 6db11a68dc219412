"""The committed sets are what their manifests say, share nothing, and credit everything they are made of."""

from __future__ import annotations

import functools
import hashlib
import io
import json
import tarfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from composing import catalogue, duplicates
from PIL import Image

DATASET = Path(__file__).resolve().parents[2] / "course_content" / "datasets" / "everyday_objects"
ROLES = {"starter": ("everyday-objects", 1000), "hidden": ("everyday-objects-hidden", 300)}
LARGEST_BYTES = 22_000_000


@functools.cache
def manifest(role: str) -> dict[str, Any]:
    """Return the manifest of a set."""
    return json.loads((DATASET / role / "dataset.json").read_text(encoding="utf-8"))


@functools.cache
def pictures(role: str) -> dict[str, bytes]:
    """Return the pictures of a set by path, as they lie in its tar."""
    with tarfile.open(DATASET / role / "images.tar", "r:") as tar:
        return {member.name: stream.read() for member in tar if (stream := tar.extractfile(member))}


def samples() -> dict[str, bytes]:
    """Return the pictures to try a model on."""
    return {path.name: path.read_bytes() for path in sorted((DATASET / "samples").glob("*.jpg"))}


@pytest.mark.parametrize("role", ROLES)
def test_the_manifest_describes_the_tar(role: str) -> None:
    told = manifest(role)
    name, least = ROLES[role]
    assert (told["name"], told["role"]) == (name, role)
    assert told["split"] == "same objects, new photographs"
    assert told["sha256"] == hashlib.sha256((DATASET / role / "images.tar").read_bytes()).hexdigest()
    assert told["count"] == len(told["images"]) == len(pictures(role)) >= least
    assert {image["path"]: image["sha256"] for image in told["images"]} == {
        path: hashlib.sha256(jpeg).hexdigest() for path, jpeg in pictures(role).items()
    }
    assert all(image["path"].split("/")[0] == image["label"] for image in told["images"])


@pytest.mark.parametrize("role", ROLES)
def test_the_tar_is_deterministic_and_sorted(role: str) -> None:
    with tarfile.open(DATASET / role / "images.tar", "r:") as tar:
        members = tar.getmembers()
    assert [member.name for member in members] == sorted(member.name for member in members)
    assert {(member.mtime, member.uid, member.gid, member.isfile()) for member in members} == {(0, 0, 0, True)}


@pytest.mark.parametrize("role", ROLES)
def test_every_picture_decodes_at_224_pixels(role: str) -> None:
    for path, jpeg in pictures(role).items():
        with Image.open(io.BytesIO(jpeg)) as picture:
            picture.load()
            assert (picture.format, picture.mode, picture.size) == ("JPEG", "RGB", (224, 224)), path


@pytest.mark.parametrize("role", ROLES)
def test_classes_are_the_same_ten_and_balanced(role: str) -> None:
    counts = Counter(image["label"] for image in manifest(role)["images"])
    assert manifest(role)["classes"] == sorted(counts) == sorted(catalogue.CLASSES)
    assert len(counts) == 10
    assert max(counts.values()) <= 1.2 * min(counts.values())


def test_no_picture_is_in_two_places() -> None:
    assert duplicates.check_disjoint(pictures("starter"), pictures("hidden")) > duplicates.NEAR
    for role in ROLES:
        duplicates.check_disjoint(pictures(role), samples())
        assert len({hashlib.sha256(jpeg).digest() for jpeg in pictures(role).values()}) == len(pictures(role))


def test_the_hidden_set_shows_the_same_objects_on_other_backgrounds() -> None:
    sets = json.loads((DATASET / "sources.json").read_text(encoding="utf-8"))["sets"]
    assert sets["starter"]["cutouts"] == sets["hidden"]["cutouts"]
    assert not set(sets["starter"]["backgrounds"]) & {*sets["hidden"]["backgrounds"], *sets["samples"]["backgrounds"]}


@pytest.mark.parametrize(("role", "file"), [*((r, f"{r}/CREDITS.md") for r in ROLES), ("samples", "CREDITS.md")])
def test_the_credits_name_every_source(role: str, file: str) -> None:
    used = json.loads((DATASET / "sources.json").read_text(encoding="utf-8"))["sets"][role]
    rows = {
        line.split("`")[1]: line for line in (DATASET / file).read_text(encoding="utf-8").splitlines() if "| `" in line
    }
    assert {f"{name}.png" for name in used["cutouts"]} <= set(rows)
    for background in catalogue.BACKGROUNDS:
        if background.file in used["backgrounds"]:
            assert background.author in rows[background.file]
            assert background.licence in rows[background.file]


def test_four_larger_pictures_can_be_tried() -> None:
    assert len(samples()) == 4
    for name, jpeg in samples().items():
        assert name.removesuffix(".jpg") in catalogue.CLASSES
        with Image.open(io.BytesIO(jpeg)) as picture:
            picture.load()
            assert picture.size == (640, 480)


def test_the_data_has_its_own_licence_and_stays_small() -> None:
    assert "GNU GENERAL PUBLIC LICENSE" in (DATASET / "COPYING").read_text(encoding="utf-8")
    assert "GPL-3.0-or-later" in (DATASET / "LICENSE").read_text(encoding="utf-8")
    assert all(manifest(role)["licence"] == "GPL-3.0-or-later" for role in ROLES)
    assert sum(path.stat().st_size for path in DATASET.rglob("*") if path.is_file()) <= LARGEST_BYTES
