"""Pictures varied at random before the network sees them: mirrored, cropped, tinted; and a sheet that shows it.

Everything random is drawn from one generator, seeded with what names the batch: no global random state, so that a batch
may be prepared on another thread, and a resumed training varies each picture as the first attempt did.
"""

from __future__ import annotations

import io
import math

import numpy as np
import torch
from PIL import Image
from torch import Tensor

CROP_AREA = (0.6, 1.0)  # share of the picture that a crop keeps
CROP_RATIO = (3 / 4, 4 / 3)
TINT = 0.25  # brightness, contrast and saturation each change by up to this share
EVERYTHING = ("flip", "crop", "colour")
SHEET_ROWS, SHEET_VARIANTS, TILE = 6, 5, 96


def vary(pixels: Tensor, kinds: tuple[str, ...], seed: int, first: int = 0) -> Tensor:
    """Return the pictures (n, h, w, 3) uint8, each varied in its own way; the same for the same seed.

    ``first`` is the place in the whole batch of the first one, where these are only a part of it.
    A fourth channel is the picture's mask: it moves with the picture (nearest neighbour), and keeps its values.
    Crops as torchvision's RandomResizedCrop, with a share of ``CROP_AREA``; colours as its ColorJitter, in one order.
    """
    if not kinds:
        return pixels
    from torchvision.transforms.v2 import InterpolationMode, functional  # 1.5 s to import: only where it is used

    generator = torch.Generator().manual_seed(seed)
    for _ in range(first):
        torch.rand(8, generator=generator)
    out = torch.empty_like(pixels)
    height, width = pixels.shape[1:3]
    for row, (picture, mask) in enumerate((p[:3], p[3:]) for p in pixels.permute(0, 3, 1, 2)):
        # all numbers are drawn for each picture, also those not used: one switch does not move the others
        mirrored, area, ratio, down, right, light, contrast, colour = torch.rand(8, generator=generator).tolist()
        if "crop" in kinds:
            top, left, h, w = _crop(height, width, area, ratio, down, right)
            picture = functional.resized_crop(picture, top, left, h, w, [height, width], antialias=True)
            if len(mask):
                mask = functional.resized_crop(
                    mask, top, left, h, w, [height, width], interpolation=InterpolationMode.NEAREST_EXACT
                )
        if "flip" in kinds and mirrored < 0.5:
            picture, mask = functional.horizontal_flip(picture), functional.horizontal_flip(mask)
        if "colour" in kinds:
            picture = functional.adjust_brightness(picture, 1 + TINT * (2 * light - 1))
            picture = functional.adjust_contrast(picture, 1 + TINT * (2 * contrast - 1))
            picture = functional.adjust_saturation(picture, 1 + TINT * (2 * colour - 1))
        out[row] = torch.cat((picture, mask)).permute(1, 2, 0)
    return out


def _crop(
    height: int, width: int, area: float, ratio: float, down: float, right: float
) -> tuple[int, int, int, int]:  # fmt: skip
    """Return (top, left, height, width) of a crop, from four numbers in 0..1."""
    share = CROP_AREA[0] + area * (CROP_AREA[1] - CROP_AREA[0])
    low, high = (math.log(r) for r in CROP_RATIO)
    shape = math.exp(low + ratio * (high - low))
    h = max(1, min(height, round(math.sqrt(height * width * share / shape))))
    w = max(1, min(width, round(math.sqrt(height * width * share * shape))))
    return int(down * (height - h + 1)), int(right * (width - w + 1)), h, w


def sheet(pixels: Tensor, variants: list[Tensor]) -> bytes:
    """Return a JPEG: each row a picture of ``pixels`` (n, h, w, 3) uint8, as it is and then as the variants saw it."""
    columns = [pixels, *variants]
    page = Image.new("RGB", (len(columns) * TILE, len(pixels) * TILE))
    for column, pictures in enumerate(columns):
        for row, picture in enumerate(pictures):
            tile = Image.fromarray(np.ascontiguousarray(picture.numpy())).resize((TILE, TILE))
            page.paste(tile, (column * TILE, row * TILE))
    out = io.BytesIO()
    page.save(out, "JPEG", quality=88)
    return out.getvalue()
