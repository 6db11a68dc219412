"""The committed sets with masks are what their manifests say, share nothing, and can be drawn again."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

DATASET = Path(__file__).resolve().parents[2] / "course_content" / "datasets" / "garden_bed"
ROLES = {"starter": ("garden-bed", 100), "hidden": ("garden-bed-hidden", 40)}
LARGEST_BYTES = 3_000_000


@functools.cache
def manifest(role: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((DATASET / role / "dataset.json").read_text(encoding="utf-8"))
    return found


@functools.cache
def members(role: str) -> dict[str, bytes]:
    """What lies in a set's tar, by path."""
    with tarfile.open(DATASET / role / "images.tar", "r:") as tar:
        return {member.name: stream.read() for member in tar if (stream := tar.extractfile(member))}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("role", ROLES)
def test_the_manifest_describes_the_tar(role: str) -> None:
    told = manifest(role)
    name, least = ROLES[role]
    assert (told["name"], told["role"], told["task"]) == (name, role, "segmentation")
    assert told["sha256"] == sha256((DATASET / role / "images.tar").read_bytes())
    assert told["count"] == len(told["images"]) >= least
    named = {image["path"]: image["sha256"] for image in told["images"]}
    named |= {image["mask"]["path"]: image["mask"]["sha256"] for image in told["images"]}
    assert named == {path: sha256(data) for path, data in members(role).items() if path != "classes.txt"}
    assert members(role)["classes.txt"].decode().split() == told["classes"]


@pytest.mark.parametrize("role", ROLES)
def test_every_mask_fits_its_picture_and_every_class_is_shown_often(role: str) -> None:
    shown = np.zeros(256, int)
    for image in manifest(role)["images"]:
        with Image.open(io.BytesIO(members(role)[image["path"]])) as picture:
            assert picture.mode == "RGB"
            size = picture.size
        with Image.open(io.BytesIO(members(role)[image["mask"]["path"]])) as mask:
            assert (mask.mode, mask.size) == ("L", size)
            shown[np.unique(np.asarray(mask))] += 1
    classes = len(manifest(role)["classes"])
    assert shown[classes:].sum() == 0
    assert shown[:classes].min() >= 0.5 * manifest(role)["count"]


def test_no_picture_is_in_both_sets_and_both_are_small() -> None:
    starter, hidden = ({image["sha256"] for image in manifest(role)["images"]} for role in ROLES)
    assert not starter & hidden
    assert len(starter) + len(hidden) == sum(manifest(role)["count"] for role in ROLES)
    assert sum(file.stat().st_size for file in DATASET.rglob("*.*")) < LARGEST_BYTES


def test_the_recipe_draws_the_committed_pictures() -> None:
    """Pixel for pixel in the mask; the picture as near as another JPEG encoder may come."""
    spec = importlib.util.spec_from_file_location("garden_bed_recipe", DATASET / "recipe.py")
    assert spec is not None
    assert spec.loader is not None
    recipe = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(recipe)
    picture, mask = recipe.drawn(recipe.SETS["hidden"][3])
    with Image.open(io.BytesIO(members("hidden")["masks/0000.png"])) as committed:
        assert committed.tobytes() == mask.tobytes()
    with Image.open(io.BytesIO(members("hidden")["images/0000.jpg"])) as committed:
        apart = np.abs(np.asarray(committed, int) - np.asarray(picture, int))
    assert apart.mean() < 6
