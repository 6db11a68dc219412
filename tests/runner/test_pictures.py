"""Pictures of learners: the odd ones are converted, the hostile ones refused with a sentence that names them."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator

import pytest
from PIL import Image

from axons_runner.errors import InvalidInput
from axons_runner.pictures import PictureConverter, convert


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def gradient(mode: str = "RGB", size: tuple[int, int] = (60, 40)) -> Image.Image:
    return Image.linear_gradient("L").resize(size).convert(mode)


def giant_png(width: int, height: int) -> bytes:
    """A few bytes that promise width x height pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@pytest.fixture(scope="module")
def converter() -> Iterator[PictureConverter]:
    made = PictureConverter()
    yield made
    made.close()


REFUSED = {
    "a text": ("notes.jpg", b"Dear teacher, this is a text.", "is not a picture we can read. Allowed are JPEG"),
    "nothing": ("empty.png", b"", "is not a picture we can read"),
    "an SVG": ("drawing.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is not a picture we can read"),
    "a PostScript": ("print.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is not a picture we can read"),
    "half a JPEG": ("cut.jpg", encoded(gradient(size=(600, 400)), "JPEG")[:2000], "is damaged or incomplete"),
    "half a PNG": ("cut.png", encoded(Image.effect_noise((90, 90), 80), "PNG")[:3000], "is damaged or incomplete"),
    "30,000 × 30,000": ("huge.png", giant_png(30_000, 30_000), "has too many pixels; 40 million are allowed"),  # noqa: RUF001
    "8,000 × 8,000": ("large.png", giant_png(8_000, 8_000), "has 8,000 × 8,000 pixels, which is too many"),  # noqa: RUF001
    "one pixel": ("dot.png", encoded(gradient(size=(1, 1)), "PNG"), "only 1 × 1 pixels; at least 8 × 8"),  # noqa: RUF001
    "an animation": (
        "dance.gif",
        encoded(gradient("P"), "GIF", save_all=True, append_images=[gradient("P").rotate(90), gradient("P").rotate(9)]),
        "is animated",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_it_refuses_with_a_sentence_that_names_the_file_and_the_reason(what: str, converter: PictureConverter) -> None:
    name, data, reason = REFUSED[what]
    with pytest.raises(InvalidInput) as refusal:
        converter.convert(name, data)
    assert refusal.value.message.startswith(f"“{name}”")
    assert reason in refusal.value.message
    assert refusal.value.message.endswith(".")


def test_a_file_above_20_mib_is_refused_unread(converter: PictureConverter) -> None:
    with pytest.raises(InvalidInput, match=r"“big.jpg” is larger than 20 MiB"):
        converter.convert("big.jpg", bytes((20 << 20) + 1))


CONVERTED = {
    "CMYK": encoded(gradient("CMYK"), "JPEG"),
    "grey": encoded(gradient("L"), "PNG"),
    "1 bit": encoded(gradient("1"), "PNG"),
    "palette": encoded(gradient("P"), "PNG"),
    "palette with transparency": encoded(gradient("P"), "PNG", transparency=0),
    "alpha": encoded(gradient("RGBA"), "PNG"),
    "16 bit": encoded(gradient("L").convert("I").point(lambda v: v * 257).convert("I;16"), "PNG"),
    "WebP": encoded(gradient("RGB"), "WEBP"),
    "TIFF": encoded(gradient("RGB"), "TIFF"),
    "two views of a phone": encoded(gradient("RGB"), "MPO", save_all=True, append_images=[gradient("RGB")]),
}


@pytest.mark.parametrize("what", CONVERTED)
def test_it_converts_to_a_plain_jpeg(what: str, converter: PictureConverter) -> None:
    with Image.open(io.BytesIO(converter.convert(f"{what}.any", CONVERTED[what]))) as image:
        assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (60, 40))
        shades = list(image.convert("L").tobytes())
    assert min(shades) < 40
    assert max(shades) > 215, "brightness must survive the conversion"


def test_transparent_becomes_white() -> None:
    clear = Image.new("RGBA", (20, 20), (200, 0, 0, 0))
    with Image.open(io.BytesIO(convert("clear.png", encoded(clear, "PNG")))) as image:
        assert min(image.tobytes()) > 250


def test_it_turns_upright_shrinks_and_drops_the_place_it_was_taken() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned
    exif[0x010F] = "Secret Camera"
    data = convert("photo.jpg", encoded(gradient(size=(3000, 2000)), "JPEG", exif=exif))
    with Image.open(io.BytesIO(data)) as image:
        assert image.size == (683, 1024)
        assert not image.getexif()
    assert b"Secret" not in data


def test_a_converter_that_dies_refuses_this_picture_and_serves_the_next(converter: PictureConverter) -> None:
    good = encoded(gradient(), "JPEG")
    converter.convert("one.jpg", good)
    assert converter.process is not None
    first = converter.process.pid
    slow = PictureConverter(seconds=0.0)
    try:
        with pytest.raises(InvalidInput, match="within the limits of time and memory"):
            slow.convert("slow.jpg", good)
        slow.seconds = 20
        assert slow.convert("next.jpg", good)
    finally:
        slow.close()
    converter.convert("two.jpg", good)
    assert converter.process.pid == first, "one process serves many pictures"
