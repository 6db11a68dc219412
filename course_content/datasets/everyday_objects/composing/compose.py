"""Compose one picture: an object and a few other things on a crop of a background photograph.

Everything random comes from one :class:`random.Random`, whose ``random()`` Python promises to keep, so that a seed
always draws the same picture. Colours are float32 in 0..1, arrays are (height, width, channel).
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Pixels = NDArray[np.float32]
Range = tuple[float, float]
Item = TypeVar("Item")


@dataclass(frozen=True)
class Difficulty:
    """How hard the pictures are. Lengths are fractions of the picture's shorter side."""

    object_size: Range = (0.48, 0.86)
    distractor_size: Range = (0.1, 0.2)
    most_distractors: int = 2
    covered: float = 0.3
    least_visible: float = 0.72
    overhang: float = 0.15
    largest_upscale: float = 1.5
    background_blur: Range = (0.003, 0.02)
    background_brightness: Range = (0.3, 0.6)
    final_blur: Range = (0.0, 0.005)
    noise: Range = (0.004, 0.02)
    exposure: Range = (0.78, 1.25)
    warmth: float = 0.14
    tint: float = 0.12
    saturation: Range = (0.6, 1.2)
    lighting: float = 0.28


STANDARD = Difficulty()


@dataclass(frozen=True)
class Layer:
    """A thing ready to be laid down: colour (h, w, 3) and alpha (h, w)."""

    colour: Pixels
    alpha: Pixels


def _between(rng: Random, bounds: Range) -> float:
    return bounds[0] + (bounds[1] - bounds[0]) * rng.random()


def _pick(rng: Random, items: Sequence[Item]) -> Item:
    return items[int(rng.random() * len(items))]


def _to_pixels(picture: Image.Image) -> Pixels:
    return np.asarray(picture, dtype=np.float32) / np.float32(255)


def _to_picture(pixels: Pixels) -> Image.Image:
    return Image.fromarray((np.clip(pixels, 0, 1) * 255 + 0.5).astype(np.uint8))


def trim(cutout: Image.Image) -> Image.Image:
    """Return the cut-out without its transparent margin."""
    rgba = cutout.convert("RGBA")
    return rgba.crop(rgba.getchannel("A").point(lambda value: 255 if value > 24 else 0).getbbox())


def crop_background(
    rng: Random,
    photograph: Image.Image,
    regions: Sequence[tuple[float, float, float, float]],
    size: tuple[int, int],
    blur: float,
) -> Pixels:
    """Return a random crop of one of the allowed regions, perhaps mirrored, blurred by ``blur`` pixels."""
    left, top, right, bottom = _pick(rng, regions)
    width, height = (right - left) * photograph.width, (bottom - top) * photograph.height
    share = min(width / size[0], height / size[1]) * _between(rng, (0.45, 1.0))
    crop_width, crop_height = share * size[0], share * size[1]
    x = left * photograph.width + rng.random() * (width - crop_width)
    y = top * photograph.height + rng.random() * (height - crop_height)
    crop = photograph.resize(size, Image.Resampling.BICUBIC, box=(x, y, x + crop_width, y + crop_height))
    if rng.random() < 0.5:
        crop = crop.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return _to_pixels(crop.filter(ImageFilter.GaussianBlur(blur)))


def expose(canvas: Pixels, brightness: float) -> Pixels:
    """Return the canvas with a gamma that brings its mean near ``brightness``, as a camera's metering does."""
    mean = min(max(float(canvas.mean()), 0.02), 0.98)
    return canvas ** np.float32(min(max(math.log(brightness) / math.log(mean), 0.4), 1.6))


def shape_layer(rng: Random, cutout: Image.Image, longest: float, turn: float, blur: float = 0.0) -> Layer:
    """Return a trimmed cut-out scaled to ``longest`` pixels, turned by up to ``turn`` degrees, with a soft edge."""
    aspect = _between(rng, (0.88, 1.14))
    scale = longest / max(cutout.width * aspect, cutout.height)
    target = (max(4, round(cutout.width * aspect * scale)), max(4, round(cutout.height * scale)))
    shaped = cutout.convert("RGBa").resize(target, Image.Resampling.LANCZOS)
    if rng.random() < 0.5:
        shaped = shaped.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    shaped = shaped.rotate(_between(rng, (-turn, turn)), Image.Resampling.BICUBIC, expand=True)
    margin = 4 + math.ceil(3 * blur)
    padded = Image.new("RGBa", (shaped.width + 2 * margin, shaped.height + 2 * margin))
    padded.paste(shaped, (margin, margin))
    if blur > 0:
        padded = padded.filter(ImageFilter.GaussianBlur(blur))
    rgba = padded.convert("RGBA")
    # The outermost half-transparent pixels carry the colour of the studio background: pull the edge in, then soften it.
    alpha = _to_picture(np.clip((_to_pixels(rgba.getchannel("A")) - 0.3) / 0.7, 0, 1))
    return Layer(_to_pixels(rgba)[..., :3], _to_pixels(alpha.filter(ImageFilter.GaussianBlur(0.6))))


def _window(length: int, start: int, limit: int) -> tuple[slice, slice]:
    """Return where a span of ``length`` at ``start`` meets 0..limit: (in the canvas, in the layer)."""
    first, last = max(0, start), min(limit, start + length)
    return slice(first, max(first, last)), slice(first - start, max(first, last) - start)


def lay(canvas: Pixels, layer: Layer, x: int, y: int, shadow: tuple[float, float, float, float]) -> Pixels:
    """Lay a layer on the canvas in place, its soft shadow first; return the alpha it got, as large as the canvas.

    ``shadow`` is (x offset, y offset, blur radius, darkness), in pixels and 0..1. The layer takes on some of the
    brightness and colour of the place where it lands.
    """
    height, width = canvas.shape[:2]
    rows, layer_rows = _window(layer.alpha.shape[0], y, height)
    columns, layer_columns = _window(layer.alpha.shape[1], x, width)
    alpha = np.zeros((height, width), dtype=np.float32)
    alpha[rows, columns] = layer.alpha[layer_rows, layer_columns]
    if not alpha.any():
        return alpha
    dx, dy, radius, darkness = shadow
    cast = Image.fromarray((alpha * 255).astype(np.uint8)).transform(
        (width, height), Image.Transform.AFFINE, (1, 0, -dx, 0, 1, -dy), Image.Resampling.BILINEAR
    )
    canvas *= 1 - darkness * _to_pixels(cast.filter(ImageFilter.GaussianBlur(radius)))[..., None]

    here = alpha[rows, columns][..., None]
    colour = layer.colour[layer_rows, layer_columns]
    around = canvas[rows, columns].mean(axis=(0, 1))
    own = (colour * here).sum(axis=(0, 1)) / here.sum()
    brightness = np.clip((around.mean() + 0.15) / (own.mean() + 0.15), 0.4, 1.6) ** 0.4
    cast_colour = np.clip((around + 0.1) / (around.mean() + 0.1), 0.7, 1.4) ** 0.4
    lit = np.clip(colour * brightness * cast_colour, 0, 1)
    canvas[rows, columns] = canvas[rows, columns] * (1 - here) + lit * here
    return alpha


def recolour(rng: Random, layer: Layer, tint: float) -> Layer:
    """Return the layer with its own brightness and tint moved a little."""
    gains = np.array([1 + _between(rng, (-tint, tint)) for _ in range(3)], dtype=np.float32)
    gains *= np.float32(_between(rng, (0.75, 1.2)))
    return Layer(np.clip(layer.colour * gains, 0, 1), layer.alpha)


def finish(rng: Random, canvas: Pixels, side: float, difficulty: Difficulty) -> Pixels:
    """Return the canvas as a camera might have taken it: light, white balance, saturation, focus, sensor noise."""
    height, width = canvas.shape[:2]
    grey = canvas.mean(axis=2, keepdims=True)
    canvas = grey + (canvas - grey) * np.float32(_between(rng, difficulty.saturation))
    warmth = _between(rng, (-difficulty.warmth, difficulty.warmth))
    canvas = canvas * np.array([1 + warmth, 1, 1 - warmth], dtype=np.float32)
    angle = _between(rng, (0, 2 * math.pi))
    across = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    down = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    slope = (across * math.cos(angle) + down * math.sin(angle)) * _between(rng, (0, difficulty.lighting))
    vignette = (across**2 + down**2) * _between(rng, (0, 0.2))
    light = (1 + slope - vignette) * _between(rng, difficulty.exposure)
    canvas = canvas * light[..., None].astype(np.float32)
    radius = _between(rng, difficulty.final_blur) * side
    canvas = _to_pixels(_to_picture(canvas).filter(ImageFilter.GaussianBlur(radius)))
    grain = np.random.Generator(np.random.PCG64(rng.getrandbits(64))).standard_normal(canvas.shape, dtype=np.float32)
    return canvas + grain * np.float32(_between(rng, difficulty.noise))


def compose(
    rng: Random,
    *,
    photograph: Image.Image,
    regions: Sequence[tuple[float, float, float, float]],
    cutout: Image.Image,
    turn: float,
    distractors: Sequence[Image.Image],
    size: tuple[int, int] = (224, 224),
    difficulty: Difficulty = STANDARD,
) -> Image.Image:
    """Return one RGB picture of ``size`` that shows the (trimmed) cut-out; at least ``least_visible`` of it."""
    width, height = size
    side = float(min(size))
    canvas = crop_background(rng, photograph, regions, size, _between(rng, difficulty.background_blur) * side)
    canvas = expose(canvas, _between(rng, difficulty.background_brightness))
    light = _between(rng, (-1, 1))
    shadow = (light * 0.03 * side, 0.035 * side, 0.022 * side, _between(rng, (0.25, 0.55)))

    def thing(blur: float = 0.0) -> Layer:
        source = _pick(rng, distractors)
        longest = min(_between(rng, difficulty.distractor_size) * side, 1.5 * max(source.size))
        return recolour(rng, shape_layer(rng, source, longest, 40, blur), difficulty.tint)

    for _ in range(int(rng.random() * (difficulty.most_distractors + 1))):
        layer = thing()
        x, y = (_between(rng, (-0.08, 0.9)) * length for length in size)
        lay(canvas, layer, round(x), round(y), shadow)

    longest = min(_between(rng, difficulty.object_size) * side, difficulty.largest_upscale * max(cutout.size))
    layer = recolour(rng, shape_layer(rng, cutout, longest, turn), difficulty.tint)
    room = difficulty.overhang
    x = round(_between(rng, (-room * layer.alpha.shape[1], width - (1 - room) * layer.alpha.shape[1])))
    y = round(_between(rng, (-room * layer.alpha.shape[0], height - (1 - room) * layer.alpha.shape[0])))
    # An object that hangs too far over the edge is pulled in, step by step, towards the middle.
    whole = float(layer.alpha.sum())
    while _inside(layer, x, y, size) < difficulty.least_visible * whole:
        x += round(math.copysign(3, width / 2 - x - layer.alpha.shape[1] / 2))
        y += round(math.copysign(3, height / 2 - y - layer.alpha.shape[0] / 2))
    alpha = lay(canvas, layer, x, y, shadow)

    if rng.random() < difficulty.covered:
        front = thing(blur=_between(rng, (0.0, 0.012)) * side)
        rows, columns = np.nonzero(alpha > 0.5)
        spot = int(rng.random() * len(rows))
        front_x = int(columns[spot]) - front.alpha.shape[1] // 2
        front_y = int(rows[spot]) - front.alpha.shape[0] // 2
        cover = Layer(front.colour, front.alpha)
        if _left_visible(alpha, cover, front_x, front_y) >= difficulty.least_visible * whole:
            lay(canvas, cover, front_x, front_y, shadow)
    return _to_picture(finish(rng, canvas, side, difficulty))


def _inside(layer: Layer, x: int, y: int, size: tuple[int, int]) -> float:
    """Return how much alpha of a layer at (x, y) falls inside the picture."""
    _, rows = _window(layer.alpha.shape[0], y, size[1])
    _, columns = _window(layer.alpha.shape[1], x, size[0])
    return float(layer.alpha[rows, columns].sum())


def _left_visible(alpha: Pixels, cover: Layer, x: int, y: int) -> float:
    """Return how much of ``alpha`` stays visible when ``cover`` is laid over it at (x, y)."""
    rows, cover_rows = _window(cover.alpha.shape[0], y, alpha.shape[0])
    columns, cover_columns = _window(cover.alpha.shape[1], x, alpha.shape[1])
    hidden = alpha[rows, columns] * cover.alpha[cover_rows, cover_columns]
    return float(alpha.sum() - hidden.sum())


def to_jpeg(picture: Image.Image, quality: int = 85) -> bytes:
    """Return the picture as a JPEG with 4:2:0 chroma and no metadata."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality, subsampling="4:2:0", optimize=True)
    return buffer.getvalue()
