"""A picture's mask through the worker: turned, scaled and checked with it; each refusal has its sentence."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from axons_service.training_sets.palette import PALETTE, class_colours, colour_of
from axons_service.training_sets.pictures import Mask, Outcome, Picture
from tests.service.training_sets import masks_made
from tests.service.training_sets import pictures_made as made
from tests.service.training_sets.test_pictures import pictures_convert


def convert(folder: Path, picture: bytes, mask: bytes, *, keep: bool = False) -> Outcome:
    """One picture and its mask; what is left lies in `folder` as picture.jpg, mask.png and coloured.png."""
    (folder / "picture.in").write_bytes(picture)
    (folder / "mask.in").write_bytes(mask)
    classes = tuple(masks_made.CLASSES)
    drawn = Mask("m.png", folder / "mask.in", folder / "mask.png", folder / "coloured.png", classes, PALETTE)
    asked = Picture("p.jpg", folder / "picture.in", folder / "picture.jpg", keep=keep, mask=drawn)
    return pictures_convert([asked])[0]


def sixteen_bits() -> bytes:
    return made.encoded(Image.new("I;16", (64, 48), 1), "PNG")


def two_bits() -> bytes:
    return made.encoded(masks_made.mask(1, value=1).point(lambda value: value != 0, "1"), "PNG")


REFUSED = {
    "other size": (masks_made.mask_png(size=(48, 48)), "mask_size", "m.png has 48 by 48 pixels, its picture 64 by 48."),
    "on its side": (masks_made.mask_png(size=(48, 64)), "mask_size", "turned by the camera: save that upright first."),
    "unknown value": (
        masks_made.mask_png(value=3),
        "mask_value",
        "m.png has pixels of the value 3, which is no class. Allowed are 0 to 2 (background to fruit), and 255",
    ),
    "16 bits": (sixteen_bits(), "mask_depth", "m.png has 16 bits for each pixel. Save it as a PNG of 8 bits."),
    "1 bit": (two_bits(), "mask_depth", "m.png has 1 bits for each pixel."),
    "colours": (made.encoded(made.photo(), "PNG"), "mask_colours", "m.png is a picture in colours"),
    "grey with alpha": (made.encoded(masks_made.mask().convert("LA"), "PNG"), "mask_colours", "with transparency"),
    "jpeg": (made.encoded(masks_made.mask()), "mask_not_png", "m.png is not a PNG file."),
    "nothing": (b"", "mask_not_png", "m.png is not a PNG file."),
    "cut": (masks_made.mask_png()[:-40], "mask_damaged", "m.png is damaged and cannot be read."),
    "all uncounted": (made.encoded(Image.new("L", (64, 48), 255), "PNG"), "mask_empty", "m.png counts no pixel"),
    "huge": (made.huge_png(30_000, 30_000), "mask_size", "m.png has 30,000 by 30,000 pixels"),
    "moving": (
        made.encoded(masks_made.mask(1), "PNG", save_all=True, append_images=[masks_made.mask(2)], duration=9),
        "animated",
        "m.png is an animation.",
    ),
}


@pytest.mark.parametrize(("mask", "code", "sentence"), REFUSED.values(), ids=list(REFUSED))
def test_a_mask_that_cannot_be_used_gets_a_sentence_with_its_name(
    tmp_path: Path, mask: bytes, code: str, sentence: str
) -> None:
    outcome = convert(tmp_path, made.jpeg(1), mask)
    assert outcome.code == code
    assert sentence in outcome.reason


@pytest.mark.parametrize("options", [{}, {"transparency": 0}, {"transparency": bytes(range(256))}], ids=str)
def test_a_palette_counts_by_its_numbers_whatever_its_colours_and_transparency(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    drawn = masks_made.mask(1)
    outcome = convert(tmp_path, made.jpeg(1), masks_made.palette_png(drawn, **options))
    assert outcome.accepted, outcome.reason
    with Image.open(tmp_path / "mask.png") as stored:
        assert (stored.mode, stored.tobytes()) == ("L", drawn.tobytes())
    assert outcome.covers == 2


def test_a_mask_is_scaled_with_its_picture_and_no_value_is_made_up(tmp_path: Path) -> None:
    picture = made.encoded(made.photo(3, (1000, 700)), quality=90)
    outcome = convert(tmp_path, picture, masks_made.mask_png(4, size=(1000, 700)))
    assert (outcome.width, outcome.height, outcome.covers) == (512, 358, 1)
    with Image.open(tmp_path / "mask.png") as stored:
        assert stored.size == (512, 358)
        assert {value for value, count in enumerate(stored.histogram()) if count} <= {0, 1, 255}


@pytest.mark.parametrize("turn", range(1, 9))
def test_a_mask_turns_along_with_the_exif_of_its_picture(tmp_path: Path, turn: int) -> None:
    """The picture is bright just where its mask says leaf: that is so however the camera was held."""
    drawn = masks_made.mask(4, value=1)
    grey = drawn.point(lambda value: 230 if value == 1 else 20).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = turn
    outcome = convert(tmp_path, made.encoded(grey, quality=95, exif=exif), made.encoded(drawn, "PNG"))
    assert outcome.accepted, outcome.reason
    assert (outcome.width, outcome.height) == ((48, 64) if turn >= 5 else (64, 48))
    with Image.open(tmp_path / "picture.jpg") as picture, Image.open(tmp_path / "mask.png") as mask:
        bright = picture.convert("L").point(lambda value: value > 128)
        leaf = mask.point(lambda value: value == 1)
        differ = sum(a != b for a, b in zip(bright.tobytes(), leaf.tobytes(), strict=True))
    assert differ <= 40  # JPEG's ringing along 80 pixels of edge


def test_a_mask_of_ours_comes_back_byte_for_byte(tmp_path: Path) -> None:
    first = convert(tmp_path, made.jpeg(1), masks_made.palette_png(masks_made.mask(1)))
    assert first.accepted
    picture, mask = (tmp_path / "picture.jpg").read_bytes(), (tmp_path / "mask.png").read_bytes()
    assert convert(tmp_path, picture, mask, keep=True).accepted
    assert ((tmp_path / "picture.jpg").read_bytes(), (tmp_path / "mask.png").read_bytes()) == (picture, mask)
    noted = mask[:33] + b"\0\0\0\x04tEXta\0bc" + b"\xde\xad\xbe\xef" + mask[33:]
    convert(tmp_path, picture, noted, keep=True)
    assert b"tEXt" not in (tmp_path / "mask.png").read_bytes()


def test_what_lists_show_has_the_colours_of_pascal_voc(tmp_path: Path) -> None:
    assert class_colours(masks_made.CLASSES) == {"background": "#000000", "leaf": "#800000", "fruit": "#008000"}
    assert colour_of(20) == (0, 64, 128)
    convert(tmp_path, made.jpeg(1), masks_made.mask_png(1))
    with Image.open(tmp_path / "coloured.png") as stored:
        shown = stored.convert("RGBA")
    assert shown.getpixel((10, 10)) == (0, 128, 0, 255)
    assert shown.getpixel((63, 47))[3] == 0  # what is not counted lets the picture through


def test_a_set_of_background_alone_is_of_class_0(tmp_path: Path) -> None:
    assert convert(tmp_path, made.jpeg(1), made.encoded(Image.new("L", (64, 48)), "PNG")).covers == 0
