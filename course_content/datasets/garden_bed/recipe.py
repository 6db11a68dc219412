"""Draw the garden-bed sets: pictures of a bed seen from above, each with its mask.

    python recipe.py

writes ``starter/`` and ``hidden/`` beside this file. Nothing but numbers from a seed goes into a picture, so there is
no source to credit. The same Python, Pillow and numpy give the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import math
import tarfile
from pathlib import Path
from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

HERE = Path(__file__).resolve().parent
CLASSES = ["background", "leaf", "berry", "stone"]
SIDE = 160
DRAWN = 2 * SIDE  # drawn larger and brought down, so that edges are soft in the picture and exact in the mask
SETS = {
    "starter": ("garden-bed", "Garden bed", 160, 0),
    "hidden": ("garden-bed-hidden", "Garden bed, hidden test set", 60, 10_000),
}
LICENCE = "CC0-1.0"

Pixels = NDArray[np.float32]


def cloud(rng: Random, octaves: int, side: int) -> Pixels:
    """Smooth noise of mean 0 and about -1 to 1, (side, side): coarse grids laid over finer ones."""
    total = np.zeros((side, side), np.float32)
    for octave in range(octaves):
        cells = 3 * 2**octave
        grid = np.frombuffer(rng.randbytes(cells * cells), np.uint8).reshape(cells, cells)
        smooth = Image.fromarray(grid).resize((side, side), Image.Resampling.BICUBIC)
        total += (np.asarray(smooth, np.float32) / 127.5 - 1) / 1.7**octave
    return total / 2


def between(rng: Random, low: float, high: float) -> float:
    return low + (high - low) * rng.random()


def ground(rng: Random) -> Pixels:
    """Earth, (side, side, 3) of 0..1: brown to grey, with crumbs."""
    base = np.array([between(rng, 0.3, 0.52), between(rng, 0.24, 0.4), between(rng, 0.16, 0.3)], np.float32)
    shade = 1 + 0.45 * cloud(rng, 6, DRAWN) + 0.1 * cloud(rng, 8, DRAWN)
    picture: Pixels = shade[..., None] * base
    return picture


def leaf_outline(rng: Random, size: float) -> list[tuple[float, float]]:
    """A pointed leaf along x, from -size to size."""
    width, bend = between(rng, 0.28, 0.48) * size, between(rng, -0.25, 0.25) * size
    along = [step / 24 for step in range(25)]
    upper = [(size * (2 * t - 1), bend * math.sin(math.pi * t) + width * math.sin(math.pi * t) ** 0.8) for t in along]
    lower = [(size * (2 * t - 1), bend * math.sin(math.pi * t) - width * math.sin(math.pi * t) ** 0.8) for t in along]
    return [*upper, *reversed(lower)]


def stone_outline(rng: Random, size: float) -> list[tuple[float, float]]:
    """A rounded lump."""
    phases = [between(rng, 0, 2 * math.pi) for _ in range(3)]
    squeeze = between(rng, 0.65, 1)
    points = []
    for step in range(40):
        turn = 2 * math.pi * step / 40
        radius = size * (1 + sum(0.11 / k * math.sin(k * turn + phases[k - 2]) for k in (2, 3, 4)))
        points.append((radius * math.cos(turn), squeeze * radius * math.sin(turn)))
    return points


def circle(size: float) -> list[tuple[float, float]]:
    return [(size * math.cos(math.pi * step / 24), size * math.sin(math.pi * step / 24)) for step in range(48)]


def placed(outline: list[tuple[float, float]], x: float, y: float, turn: float) -> list[tuple[float, float]]:
    cos, sin = math.cos(turn), math.sin(turn)
    return [(x + cos * a - sin * b, y + sin * a + cos * b) for a, b in outline]


def stencil(outline: list[tuple[float, float]]) -> NDArray[np.bool_]:
    shape = Image.new("1", (DRAWN, DRAWN))
    ImageDraw.Draw(shape).polygon(outline, fill=1)
    return np.asarray(shape)


def colour_of(rng: Random, label: str) -> Pixels:
    """A thing's own colour: berries may be green like leaves, stones brown like earth, so that shape has to help."""
    if label == "leaf":
        hue = (between(rng, 0.16, 0.42), between(rng, 0.38, 0.62), between(rng, 0.1, 0.24))
    elif label == "berry":
        ripe = rng.random() < 0.7
        hue = (0.66, 0.13, 0.16) if ripe else (0.4, 0.58, 0.2)
    else:
        grey = between(rng, 0.42, 0.68)
        hue = (grey, grey * between(rng, 0.9, 1), grey * between(rng, 0.78, 0.98))
    return np.array(hue, np.float32)


def lay(rng: Random, picture: Pixels, mask: NDArray[np.uint8], label: str, light: float) -> None:
    """Lay one thing down: its shadow, its body, its shading; the mask says where it lies."""
    x, y, turn = between(rng, 0, DRAWN), between(rng, 0, DRAWN), between(rng, 0, 2 * math.pi)
    if label == "leaf":
        size = between(rng, 0.12, 0.24) * DRAWN
        outline = leaf_outline(rng, size)
    elif label == "berry":
        size = between(rng, 0.035, 0.075) * DRAWN
        outline = circle(size)
    else:
        size = between(rng, 0.05, 0.13) * DRAWN
        outline = stone_outline(rng, size)
    drop = 0.14 * size
    below = stencil(placed(outline, x + drop * math.cos(light), y + drop * math.sin(light), turn))
    soft = Image.fromarray((below * 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(0.08 * size))
    picture *= 1 - 0.5 * np.asarray(soft, np.float32)[..., None] / 255
    body = stencil(placed(outline, x, y, turn))
    rows, columns = np.mgrid[0:DRAWN, 0:DRAWN].astype(np.float32)
    toward = ((x - columns) * math.cos(light) + (y - rows) * math.sin(light)) / size
    shade = 1 + 0.28 * np.clip(toward, -1, 1) + 0.16 * cloud(rng, 5, DRAWN)
    surface = shade[..., None] * colour_of(rng, label)
    if label == "leaf":
        across = np.abs((columns - x) * -math.sin(turn) + (rows - y) * math.cos(turn))
        surface = np.where((across < 0.03 * size)[..., None], surface * 1.3, surface)
    elif label == "berry":
        glint = np.hypot(columns - x + 0.35 * size * math.cos(light), rows - y + 0.35 * size * math.sin(light))
        surface = surface + 0.5 * np.exp(-((glint / (0.22 * size)) ** 2))[..., None].astype(np.float32)
    picture[body] = surface[body]
    mask[body] = CLASSES.index(label)


def drawn(seed: int) -> tuple[Image.Image, Image.Image]:
    """The picture of a seed and its mask, both SIDE x SIDE."""
    rng = Random(seed)
    picture, mask = ground(rng), np.zeros((DRAWN, DRAWN), np.uint8)
    light = between(rng, 0, 2 * math.pi)
    things = ["stone"] * int(between(rng, 0, 4.99)) + ["leaf"] * int(between(rng, 1, 5.99))
    rng.shuffle(things)
    for label in [*things, *["berry"] * int(between(rng, 0, 5.99))]:
        lay(rng, picture, mask, label, light)
    picture = picture * between(rng, 0.75, 1.3)
    small = Image.fromarray((np.clip(picture, 0, 1) * 255).astype(np.uint8)).resize((SIDE, SIDE), Image.Resampling.BOX)
    grain = np.frombuffer(rng.randbytes(SIDE * SIDE), np.uint8).reshape(SIDE, SIDE, 1).astype(np.float32) / 127.5 - 1
    noisy = np.asarray(small, np.float32) + between(rng, 2, 9) * grain
    middle = DRAWN // SIDE // 2  # the class of a picture's pixel is that of the middle of what it was made from
    return (
        Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)),
        Image.fromarray(mask[middle :: DRAWN // SIDE, middle :: DRAWN // SIDE].copy()),
    )


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def write_set(folder: Path, role: str) -> None:
    """Write dataset.json and images.tar of one set."""
    name, title, count, seed = SETS[role]
    members: dict[str, bytes] = {"classes.txt": "".join(f"{label}\n" for label in CLASSES).encode()}
    images = []
    for number in range(count):
        picture, mask = drawn(seed + number)
        path, beside = f"images/{number:04d}.jpg", f"masks/{number:04d}.png"
        members[path] = encoded(picture, "JPEG", quality=88, optimize=True)
        members[beside] = encoded(mask, "PNG", optimize=True)
        images.append(
            {
                "path": path,
                "sha256": hashlib.sha256(members[path]).hexdigest(),
                "mask": {"path": beside, "sha256": hashlib.sha256(members[beside]).hexdigest()},
            }
        )
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for member, data in members.items():
            info = tarfile.TarInfo(member)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    description = {
        "name": name,
        "title": title,
        "role": role,
        "task": "segmentation",
        "classes": CLASSES,
        "count": count,
        "licence": LICENCE,
        "credits": "",
        "sha256": hashlib.sha256(buffer.getvalue()).hexdigest(),
        "images": images,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "images.tar").write_bytes(buffer.getvalue())
    (folder / "dataset.json").write_text(json.dumps(description, indent=1) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=HERE)
    out = parser.parse_args().out
    for role in SETS:
        write_set(out / role, role)
        print(f"{out / role}: {SETS[role][2]} pictures, {(out / role / 'images.tar').stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
