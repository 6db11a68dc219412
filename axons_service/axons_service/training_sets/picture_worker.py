"""Decode untrusted pictures in a process of its own: `python -I picture_worker.py`, limits applied before Pillow loads.

Reads one JSON line per picture from stdin ({"source", "target", "thumbnail", "name", "keep", "mask"}) and answers each
with one JSON line: {"ok": true, "width", "height", "dhash", "covers"} or {"ok": false, "code", "reason"}. It never
opens a network connection, knows no secrets, and imports nothing but Pillow: when a picture kills it, the parent starts
another for the rest.

`mask` is null or {"source", "target", "coloured", "name", "classes", "palette"}: a PNG whose values are classes.
"""

import json
import os
import struct
import sys
from typing import Any

MAX_PIXELS = 64_000_000
MIN_SIDE = 32
MAX_SIDE = 512
JPEG_QUALITY = 90
THUMBNAIL_SIDE = 160
THUMBNAIL_QUALITY = 80
FLAT = 8
FORMATS = ("JPEG", "PNG", "WEBP")
LIMIT_MEMORY_BYTES = 1024**3
LIMIT_CPU_SECONDS = 120
# APP0, quantisation, baseline/extended/progressive frame, Huffman tables, restart interval, start of scan
BARE_SEGMENTS = (0xE0, 0xDB, 0xC0, 0xC1, 0xC2, 0xC4, 0xDD, 0xDA)
PNG_START = b"\x89PNG\r\n\x1a\n"
NOT_COUNTED = 255
PNG_GREY, PNG_PALETTE = 0, 3
ORIENTATION = 0x0112  # the EXIF tag that says how a camera was held
ALLOWED = "Allowed are JPEG, PNG and WebP pictures."
OTHERS = (
    (b"GIF8", "a GIF file"),
    (b"%PDF", "a PDF file"),
    (b"BM", "a BMP file"),
    (b"II*\0", "a TIFF file"),
    (b"MM\0*", "a TIFF file"),
    (b"<svg", "an SVG drawing"),
    (b"<?xml", "an XML file"),
    (b"PK\x03\x04", "a ZIP file"),
    (b"%!PS", "a PostScript file"),
)


class Refused(Exception):
    """This picture cannot be used; the sentence names it."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def limit() -> None:
    """Take away memory, CPU time, file size and core dumps. Platforms without `resource` rely on the wall timeout."""
    try:
        import resource
    except ImportError:
        return
    wanted = {
        "RLIMIT_AS": LIMIT_MEMORY_BYTES,
        "RLIMIT_CPU": LIMIT_CPU_SECONDS,
        "RLIMIT_FSIZE": 1 << 26,
        "RLIMIT_CORE": 0,
    }
    for name, value in wanted.items():
        number = getattr(resource, name, None)
        if number is None:
            continue
        try:
            resource.setrlimit(number, (value, value))
        except (ValueError, OSError):  # macOS refuses RLIMIT_AS below what is mapped already
            continue


def convert(
    source: str, target: str, thumbnail: str, name: str, *, keep: bool, mask: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Write the picture to `target` as a plain RGB JPEG of at most 512 pixels a side, its thumbnail, and its mask.

    Returns width, height, dHash, and the class that covers most of the mask (None without one). `keep` copies an
    upright RGB JPEG that holds nothing but a picture as it is: the hashes of library sets are published, and those of
    an exported set must come back the same.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    Image.MAX_IMAGE_PIXELS = None  # our own ceiling below has a sentence, and stands before anything is decoded
    try:
        picture = Image.open(source, formats=FORMATS)
    except UnidentifiedImageError:
        raise _unrecognised(source, name) from None
    except (OSError, ValueError, SyntaxError) as error:
        raise Refused("damaged", f"{name} is damaged and cannot be read.") from error
    with picture:
        width, height = picture.size
        if width * height > MAX_PIXELS:
            raise Refused(
                "too_many_pixels",
                f"{name} is too large: {width:,} by {height:,} pixels. "
                f"Allowed are {MAX_PIXELS // 1_000_000} million pixels, for example 8,000 by 8,000.",
            )
        if min(width, height) < MIN_SIDE:
            raise Refused(
                "too_small",
                f"{name} is too small: {width} by {height} pixels. Each side needs at least {MIN_SIDE} pixels.",
            )
        if picture.format != "MPO" and getattr(picture, "n_frames", 1) > 1:
            raise Refused("animated", f"{name} is an animation. Use a still picture, for example one frame of it.")
        try:
            picture.draft("RGB", (2 * MAX_SIDE, 2 * MAX_SIDE))
            picture.load()
        except MemoryError:
            raise
        except Exception as error:  # Pillow's decoders raise OSError, SyntaxError, ValueError, struct.error, EOFError …
            truncated = "truncated" in str(error) or "not enough" in str(error)
            what = "is incomplete: the end of the file is missing" if truncated else "is damaged and cannot be read"
            raise Refused("truncated" if truncated else "damaged", f"{name} {what}.") from error
        if keep and _is_plain(picture, source):
            _copy(source, target)
            covers = convert_mask(mask, (width, height), 1, (width, height), keep=True) if mask else None
            return {"width": width, "height": height, "dhash": _derive(picture, thumbnail), "covers": covers}
        turned = picture.getexif().get(ORIENTATION, 1)
        upright = ImageOps.exif_transpose(picture)
        result = _rgb(upright)
        result.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
        if min(result.size) < 1:
            raise Refused("too_small", f"{name} is too narrow to be used.")
        clean = Image.new("RGB", result.size)
        clean.paste(result)
        clean.save(target, "JPEG", quality=JPEG_QUALITY)
        covers = convert_mask(mask, (width, height), turned, clean.size, keep=keep) if mask else None
        return {"width": clean.width, "height": clean.height, "dhash": _derive(clean, thumbnail), "covers": covers}


def convert_mask(
    mask: dict[str, Any], drawn_on: tuple[int, int], turned: int, size: tuple[int, int], *, keep: bool
) -> int:
    """Write a mask as 8-bit greyscale PNG of `size`, and once more in the classes' colours; the class that covers most.

    `drawn_on` is the picture's size as its file has it, `turned` the EXIF orientation that the picture was turned by:
    its mask is turned along. The class is the largest other than class 0 and 255; 0 when there is none. `keep` copies a
    bare PNG of the right size as it is.
    """
    from PIL import Image

    name, classes = mask["name"], mask["classes"]
    values = _mask_values(mask["source"], name, drawn_on)
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
    present = [value for value, pixels in enumerate(values.histogram()) if pixels]
    unknown = [value for value in present if len(classes) <= value != NOT_COUNTED]
    if unknown:
        raise Refused(
            "mask_value",
            f"{name} has pixels of the value {unknown[0]}, which is no class. Allowed are 0 to {len(classes) - 1} "
            f"({classes[0]} to {classes[-1]}), and {NOT_COUNTED} for what is not counted.",
        )
    if present == [NOT_COUNTED]:
        raise Refused("mask_empty", f"{name} counts no pixel: all are {NOT_COUNTED}. Mark what the picture shows.")
    if turned in turns:
        values = values.transpose(turns[turned])
    if keep and turned not in turns and values.size == size and _is_bare_png(mask["source"]):
        _copy(mask["source"], mask["target"])
    else:
        values = values.resize(size, Image.Resampling.NEAREST)
        values.save(mask["target"], "PNG", compress_level=9)
    coloured = Image.frombytes("P", values.size, values.tobytes())
    colours = bytes.fromhex(mask["palette"])
    coloured.putpalette(colours.ljust(3 * 256, b"\0"))
    coloured.save(mask["coloured"], "PNG", transparency=b"\xff" * NOT_COUNTED + b"\0")
    pixels = values.histogram()[1 : len(classes)]
    return 1 + pixels.index(max(pixels)) if any(pixels) else 0


def _mask_values(source: str, name: str, drawn_on: tuple[int, int]) -> Any:
    """A mask's values as an 8-bit greyscale image, exactly as the file has them: nothing is scaled or blended."""
    from PIL import Image

    with open(source, "rb") as file:
        start = file.read(33)
    if len(start) < 33 or not start.startswith(PNG_START):
        raise Refused("mask_not_png", f"{name} is not a PNG file. A mask is a greyscale or palette PNG.")
    width, height, depth, colour = struct.unpack(">LLBB", start[16:26])
    if (width, height) != drawn_on:
        hint = " Its picture was turned by the camera: save that upright first." if (height, width) == drawn_on else ""
        raise Refused(
            "mask_size",
            f"{name} has {width:,} by {height:,} pixels, its picture {drawn_on[0]:,} by {drawn_on[1]:,}. "
            f"A mask has exactly the size of its picture.{hint}",
        )
    if colour not in (PNG_GREY, PNG_PALETTE):
        raise Refused(
            "mask_colours",
            f"{name} is a picture in colours or with transparency. A mask is a greyscale or palette PNG whose values "
            "are the numbers of the classes.",
        )
    if colour == PNG_GREY and depth != 8:
        raise Refused("mask_depth", f"{name} has {depth} bits for each pixel. Save it as a PNG of 8 bits.")
    try:
        with Image.open(source, formats=("PNG",)) as picture:
            if getattr(picture, "n_frames", 1) > 1:
                raise Refused("animated", f"{name} is an animation. Use a still mask.")
            picture.load()
            return Image.frombytes("L", picture.size, picture.tobytes())
    except (MemoryError, Refused):
        raise
    except Exception as error:  # as for pictures: Pillow's decoder raises many kinds
        raise Refused("mask_damaged", f"{name} is damaged and cannot be read.") from error


def _is_bare_png(source: str) -> bool:
    """Whether a PNG is 8-bit greyscale and nothing but pixels: no metadata, nothing behind its end."""
    with open(source, "rb") as file:
        data = file.read()
    if data[24:26] != bytes((8, PNG_GREY)):
        return False
    position = len(PNG_START)
    kinds: list[bytes] = []
    while position + 12 <= len(data):
        kinds.append(data[position + 4 : position + 8])
        position += 12 + int.from_bytes(data[position : position + 4], "big")
    return position == len(data) and kinds[-1] == b"IEND" and set(kinds) == {b"IHDR", b"IDAT", b"IEND"}


def _copy(source: str, target: str) -> None:
    with open(source, "rb") as reading, open(target, "wb") as writing:
        writing.write(reading.read())


def _derive(picture: Any, thumbnail: str) -> str:
    """Write the thumbnail (nothing without a path) and return the picture's dHash."""
    from PIL import Image

    small = picture.copy()
    small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.BILINEAR)
    if thumbnail:
        small.save(thumbnail, "JPEG", quality=THUMBNAIL_QUALITY)
    return dhash(small)


def dhash(picture: Any) -> str:
    """The difference hash of a picture, 128 bits in hexadecimal; empty for one without contrast, which looks like any.

    64 bits say whether each point of an 8 x 8 grid is brighter than its right neighbour, 64 whether it is brighter than
    the one below (Neal Krawetz, "Kind of Like That", 2013; both directions as in the `dhash` package).
    """
    from PIL import Image

    grey = picture.convert("L").resize((9, 9), Image.Resampling.BOX)
    points = grey.tobytes()
    if max(points) - min(points) < FLAT:
        return ""
    bits = 0
    for step in (1, 9):
        for row in range(8):
            for column in range(8):
                here = 9 * row + column
                bits = bits << 1 | (points[here] > points[here + step])
    return f"{bits:032x}"


def _rgb(picture: Any) -> Any:
    """Any mode as RGB: 16-bit greys are scaled, transparency lies on white, CMYK and palettes are converted."""
    from PIL import Image

    if picture.mode.startswith("I") or picture.mode == "F":
        picture = picture.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    if picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info:
        rgba = picture.convert("RGBA")
        ground = Image.new("RGB", rgba.size, "white")
        ground.paste(rgba, mask=rgba.getchannel("A"))
        return ground
    return picture.convert("RGB")


def _is_plain(picture: Any, source: str) -> bool:
    within = max(picture.size) <= 2 * MAX_SIDE and os.path.getsize(source) <= 1 << 20
    if picture.format != "JPEG" or picture.mode != "RGB" or not within:
        return False
    with open(source, "rb") as file:
        return is_bare_jpeg(file.read())


def is_bare_jpeg(data: bytes) -> bool:
    """Whether a JPEG file is tables and scans alone: no metadata, no second file behind its end."""
    position = 2
    if data[:2] != b"\xff\xd8":
        return False
    while position + 4 <= len(data):
        marker, kind = data[position], data[position + 1]
        if marker != 0xFF or kind not in BARE_SEGMENTS:
            return False
        length = int.from_bytes(data[position + 2 : position + 4], "big")
        if kind == 0xE0 and (length != 16 or data[position + 4 : position + 9] != b"JFIF\0"):
            return False
        position += 2 + length
        if kind == 0xDA:  # in what follows a plain 0xFF is stuffed, so that only the true end reads as one
            return data.find(b"\xff\xd9", position) == len(data) - 2
    return False


def _unrecognised(source: str, name: str) -> Refused:
    with open(source, "rb") as file:
        start = file.read(512)
    if start[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftypmsf1"):
        hint = "On an iPhone choose Settings, Camera, Formats, Most Compatible."
        return Refused("unsupported_format", f"{name} is a HEIC picture. {ALLOWED} {hint}")
    for magic, what in OTHERS:
        if start.lstrip()[: len(magic)] == magic:
            return Refused("unsupported_format", f"{name} is {what}. {ALLOWED}")
    if start and all(byte >= 32 or byte in b"\t\r\n\f" for byte in start):
        return Refused("not_a_picture", f"{name} is not a picture: it holds text. {ALLOWED}")
    return Refused("not_a_picture", f"{name} is not a picture that can be read. {ALLOWED}")


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """What the parent is told about one picture."""
    name = request["name"]
    try:
        found = convert(
            request["source"],
            request["target"],
            request["thumbnail"],
            name,
            keep=request["keep"],
            mask=request.get("mask"),
        )
    except Refused as refused:
        return {"ok": False, "code": refused.code, "reason": refused.reason}
    except MemoryError:
        return {"ok": False, "code": "too_heavy", "reason": f"{name} needs too much memory to be opened."}
    return {"ok": True, **found}


def main() -> None:
    """Answer line by line until stdin ends."""
    limit()
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
