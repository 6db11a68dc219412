"""The recipe reads packages on any system, draws the same picture twice, and refuses sets that overlap."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
from pathlib import Path
from random import Random

import numpy as np
import pytest
from composing import catalogue, compose, deb, duplicates, pack
from PIL import Image, ImageDraw

CONTROL = b"Package: sample-stamps\nVersion: 1.2-3\nDescription: two files\n more: of them\n"


def make_tar(files: dict[str, bytes], mode: str) -> bytes:
    """Return a tar as dpkg writes it, names starting with ``./``."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(f"./{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def make_deb(path: Path, files: dict[str, bytes], compression: str = "xz") -> Path:
    """Write a Debian package with the given files."""
    members = {
        "debian-binary": b"2.0\n",
        f"control.tar.{compression}": make_tar({"control": CONTROL}, f"w:{compression}"),
        f"data.tar.{compression}": make_tar(files, f"w:{compression}"),
    }
    content = deb.AR_MAGIC
    for name, data in members.items():
        content += (
            f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(data):<10}`\n".encode() + data + b"\n" * (len(data) % 2)
        )
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("compression", ["gz", "xz"])
def test_a_package_gives_the_files_that_are_asked_for(tmp_path: Path, compression: str) -> None:
    archive = make_deb(tmp_path / "a.deb", {"usr/odd": b"123", "usr/b": b"four"}, compression)
    assert deb.read_files(archive, {"usr/odd"}) == {"usr/odd": b"123"}
    assert deb.read_files(archive, {"usr/odd", "usr/b"}) == {"usr/odd": b"123", "usr/b": b"four"}


def test_a_package_packed_with_zstd_is_read(tmp_path: Path) -> None:
    zstandard = pytest.importorskip("zstandard")
    packed = zstandard.ZstdCompressor().compress(make_tar({"usr/a": b"hello"}, "w"))
    with deb.open_tar("data.tar.zst", packed) as tar:
        assert [member.name for member in tar] == ["./usr/a"]


def test_a_package_tells_its_name_and_version(tmp_path: Path) -> None:
    control = deb.read_control(make_deb(tmp_path / "a.deb", {"usr/a": b"x"}))
    assert (control["Package"], control["Version"]) == ("sample-stamps", "1.2-3")
    assert "more" not in control


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(deb.DebError, match="usr/nowhere"):
        deb.read_files(make_deb(tmp_path / "a.deb", {"usr/a": b"x"}), {"usr/a", "usr/nowhere"})


def test_a_file_that_is_no_package_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.deb").write_bytes(b"PK\x03\x04 not an ar archive")
    with pytest.raises(deb.DebError, match="not a Debian package"):
        deb.read_control(tmp_path / "a.deb")


def test_a_package_that_is_cut_short_is_refused(tmp_path: Path) -> None:
    archive = make_deb(tmp_path / "a.deb", {"usr/a": b"x" * 5000})
    archive.write_bytes(archive.read_bytes()[:-40])
    with pytest.raises(deb.DebError, match="cut short"):
        deb.read_files(archive, {"usr/a"})


def disc(colour: tuple[int, int, int], size: int = 90) -> Image.Image:
    """Return a disc with a transparent margin."""
    picture = Image.new("RGBA", (size, size), (*colour, 0))
    ImageDraw.Draw(picture).ellipse((8, 8, size - 8, size - 8), fill=(*colour, 255))
    return compose.trim(picture)


def photograph() -> Image.Image:
    """Return a synthetic background with structure everywhere."""
    noise = np.random.default_rng(7).integers(0, 255, (12, 16, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((640, 480), Image.Resampling.BICUBIC)


def draw(seed: str, **options: object) -> bytes:
    """Compose one small picture."""
    arguments: dict[str, object] = {
        "photograph": photograph(),
        "regions": [(0.0, 0.0, 1.0, 1.0)],
        "cutout": disc((250, 20, 20)),
        "turn": 90.0,
        "distractors": [disc((20, 20, 250), 40)],
    }
    return compose.to_jpeg(compose.compose(Random(seed), **(arguments | options)))  # type: ignore[arg-type]


def test_the_same_seed_draws_the_same_bytes_and_another_seed_does_not() -> None:
    assert draw("1/bird/0") == draw("1/bird/0")
    assert draw("1/bird/0") != draw("1/bird/1")


def test_a_picture_is_a_small_rgb_jpeg_with_halved_colour() -> None:
    with Image.open(io.BytesIO(draw("1"))) as picture:
        assert (picture.format, picture.mode, picture.size) == ("JPEG", "RGB", (224, 224))
        assert picture.layer[0][1:3] == (2, 2)


@pytest.mark.parametrize("seed", range(12))
def test_the_object_is_always_well_in_view(seed: int) -> None:
    calm = compose.Difficulty(
        overhang=0.6,
        background_blur=(0, 0),
        covered=0,
        most_distractors=0,
        exposure=(1, 1),
        warmth=0,
        tint=0,
        saturation=(1, 1),
        lighting=0,
        noise=(0, 0),
    )
    grey = Image.new("RGB", (300, 300), (110, 110, 110))
    with Image.open(io.BytesIO(draw(str(seed), photograph=grey, difficulty=calm))) as picture:
        pixels = np.asarray(picture).astype(int)
    red = (pixels[..., 0] - pixels[..., 1] > 60).sum()
    smallest_disc = np.pi / 4 * (0.85 * calm.object_size[0] * 224) ** 2
    assert red >= 0.8 * calm.least_visible * smallest_disc


def test_a_background_crop_stays_inside_its_region() -> None:
    halves = Image.new("RGB", (400, 200), (0, 0, 0))
    halves.paste((255, 255, 255), (200, 0, 400, 200))
    for seed in range(20):
        crop = compose.crop_background(Random(seed), halves, [(0.52, 0.0, 1.0, 1.0)], (64, 64), 0)
        assert crop.min() > 0.98


def test_sets_that_share_a_picture_are_refused() -> None:
    picture = draw("1")
    with pytest.raises(duplicates.DuplicateError, match="same picture"):
        duplicates.check_disjoint({"a/1.jpg": picture}, {"a/2.jpg": picture})


def test_sets_that_share_a_recompressed_picture_are_refused() -> None:
    picture = draw("1")
    with Image.open(io.BytesIO(picture)) as opened:
        again = compose.to_jpeg(opened.resize((200, 200)), quality=60)
    with pytest.raises(duplicates.DuplicateError, match="hash bits"):
        duplicates.check_disjoint({"a/1.jpg": picture}, {"a/2.jpg": again})


def test_different_pictures_pass_and_their_distance_is_told() -> None:
    assert duplicates.check_disjoint({"a/1.jpg": draw("1")}, {"a/2.jpg": draw("2")}) > duplicates.NEAR


def test_a_tar_does_not_depend_on_the_order_of_the_pictures() -> None:
    first = pack.make_tar({"b/1.jpg": b"b", "a/1.jpg": b"a"})
    assert first == pack.make_tar({"a/1.jpg": b"a", "b/1.jpg": b"b"})
    with tarfile.open(fileobj=io.BytesIO(first)) as tar:
        assert [(m.name, m.mtime, m.uid, m.gid) for m in tar] == [("a/1.jpg", 0, 0, 0), ("b/1.jpg", 0, 0, 0)]


def test_the_unseen_objects_split_leaves_objects_on_both_sides() -> None:
    for item in catalogue.CLASSES.values():
        unseen = catalogue.held_out(item.cutouts)
        assert unseen
        assert set(unseen) < set(item.cutouts)


def test_only_free_backgrounds_are_used_and_each_serves_one_set() -> None:
    assert {item.licence for item in catalogue.BACKGROUNDS} <= {"CC-BY-4.0", "CC0-1.0"}
    assert len({item.file for item in catalogue.BACKGROUNDS}) == len(catalogue.BACKGROUNDS)


def test_the_command_says_which_package_is_missing(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    archive = make_deb(tmp_path / "a.deb", {"usr/a": b"x"})
    recipe = request.config.rootpath / "course_content/datasets/everyday_objects/recipe.py"
    done = subprocess.run(
        [sys.executable, str(recipe), str(archive), "--out", str(tmp_path)], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "tuxpaint-stamps-default is missing" in done.stderr
