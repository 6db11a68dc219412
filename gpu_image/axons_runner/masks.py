"""Masks beside pictures: checked, decoded at the model's size, varied together with their picture, and drawn."""

from __future__ import annotations

import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from axons_runner.data import DECODE_THREADS, FORMATS, MAX_PIXELS, Batches, PixelTable, TrainingSet, normalise
from axons_runner.errors import InvalidInput
from axons_runner.palette import colour, palette

NOT_COUNTED = 255
MAX_CLASSES = 255  # values 0 to 254
OPACITY = 0.55
OVERLAY_SIDE = 640


def decode_mask(data: bytes, size: int, classes: int, picture_size: tuple[int, int], name: str) -> NDArray[np.uint8]:
    """Return a mask (size, size) uint8 of class numbers and 255, by nearest neighbour.

    ``picture_size`` is (width, height) of its picture, ``name`` what the sentence calls it. Raises InvalidInput.
    """
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as mask:
            if mask.mode not in ("L", "P"):
                raise InvalidInput(f"{name} is not an 8-bit greyscale or palette PNG. Save it as one, and try again.")
            if mask.size != picture_size or mask.width * mask.height > MAX_PIXELS:
                raise InvalidInput(
                    f"{name} has {mask.width} × {mask.height} pixels and its picture {picture_size[0]} × "
                    f"{picture_size[1]}. A mask must have exactly the size of its picture."
                )
            counts = mask.histogram()
            unknown = [value for value in range(classes, NOT_COUNTED) if counts[value]]
            if unknown:
                raise InvalidInput(
                    f"{name} has the value {unknown[0]}, which is no class of this set: allowed are 0 to "
                    f"{classes - 1}, and 255 for “not counted”."
                )
            return np.asarray(mask.resize((size, size), Image.Resampling.NEAREST))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InvalidInput(
            f"{name} cannot be opened. Take its picture out of the set, or upload both again."
        ) from error


class MaskedTable(PixelTable):
    """Pictures and their masks: red, green, blue and the mask, (n, size, size, 4) uint8."""

    channels = 4

    def decode(self, indices: Sequence[int]) -> NDArray[np.uint8]:
        masks = decode_masks(self.source, indices, self.size)
        return np.concatenate((self.source.decode(indices, self.size), masks[..., None]), axis=3)


def decode_masks(source: TrainingSet, indices: Sequence[int], size: int) -> NDArray[np.uint8]:
    """Return the masks of these pictures as (n, size, size) uint8. Raises InvalidInput that names a picture."""
    with ThreadPoolExecutor(DECODE_THREADS) as pool:
        return np.stack(list(pool.map(lambda index: _decode(source, index, size), indices)))


def _decode(source: TrainingSet, index: int, size: int) -> NDArray[np.uint8]:
    picture = source.pictures[index]
    if picture.mask is None:
        raise InvalidInput(f"The picture {picture.sha256[:12]}… has no mask. Add one, or take it out of the set.")
    try:
        with Image.open(io.BytesIO(source.read(index)), formats=FORMATS) as image:
            picture_size = image.size
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        picture_size = (0, 0)  # whoever decodes the picture says so
    name = f"The mask of the picture {picture.sha256[:12]}… (the beginning of its SHA-256)"
    return decode_mask(source.stored(picture.mask), size, len(source.classes), picture_size, name)


class MaskedBatches(Batches):
    """Batches (images float32 (n, 3, s, s), masks int64 (n, s, s)) of a :class:`MaskedTable`."""

    def batch(self, chosen: Tensor, pixels: Tensor) -> tuple[Tensor, Tensor]:
        return normalise(pixels[..., :3], self.mean, self.std), pixels[..., 3].long()


def mask_png(mask: NDArray[np.uint8]) -> bytes:
    """Return a mask (h, w) as a palette PNG whose values are the class numbers."""
    image = Image.fromarray(mask).convert("L")
    image.putpalette(palette())
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def mask_overlay(picture: Image.Image, mask: NDArray[np.uint8]) -> bytes:
    """Return the picture (RGB, at most 640 px) with the colours of ``mask`` (h, w) laid over it, as an opaque PNG.

    Class 0 is laid over too, in black: what is named background is seen to be so named.
    """
    base = picture.convert("RGB")
    base.thumbnail((OVERLAY_SIDE, OVERLAY_SIDE), Image.Resampling.BILINEAR)
    small = np.asarray(Image.fromarray(mask).resize(base.size, Image.Resampling.NEAREST))
    colours = np.array([colour(index) for index in range(256)], np.float32)[small]
    mixed = np.asarray(base, np.float32) * (1 - OPACITY) + colours * OPACITY
    out = io.BytesIO()
    Image.fromarray(mixed.round().astype(np.uint8)).save(out, "PNG", compress_level=1)
    return out.getvalue()


def class_pixels(source: TrainingSet, indices: Sequence[int], size: int) -> Tensor:
    """Return how many pixels of these masks belong to each class (classes,) int64, at the model's size."""
    counts = np.zeros(256, np.int64)
    for index in indices:
        counts += np.bincount(_decode(source, index, size).reshape(-1), minlength=256)
    return torch.from_numpy(counts[: len(source.classes)])
