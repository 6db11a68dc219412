"""The broken pictures of demo-check are what they claim to be."""

import io

import pytest
from PIL import Image

from axons_demo.check import pictures


def test_the_huge_png_is_small_as_a_file_and_valid_by_its_header() -> None:
    content = pictures.huge_png()
    assert len(content) < 1_000_000
    with pytest.raises(Image.DecompressionBombError, match="900000000 pixels"):
        Image.open(io.BytesIO(content))


def test_a_smaller_one_decodes_so_the_huge_one_is_no_broken_file() -> None:
    with Image.open(io.BytesIO(pictures.huge_png(64))) as picture:
        picture.load()
        assert picture.size == (64, 64)


def test_the_truncated_picture_opens_and_then_fails() -> None:
    whole = io.BytesIO()
    Image.effect_noise((200, 200), 60).convert("RGB").save(whole, "JPEG")
    with Image.open(io.BytesIO(pictures.truncated(whole.getvalue()))) as picture, pytest.raises(OSError, match="trunc"):
        picture.load()
